"""What is done when it is due."""
