"""What is due: found by the clock, done by an operation."""
