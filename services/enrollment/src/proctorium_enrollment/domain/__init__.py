"""The rules of enrollment, without input or output."""
