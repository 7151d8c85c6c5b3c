"""What identity verification decides: pure, without I/O."""
