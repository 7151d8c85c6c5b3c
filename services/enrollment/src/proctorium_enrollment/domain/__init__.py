"""The rules of enrollment, without input and output."""
