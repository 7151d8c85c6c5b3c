"""What enrollment decides, without any input or output."""
