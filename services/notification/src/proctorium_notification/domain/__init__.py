"""What notification decides: pure, without I/O."""
