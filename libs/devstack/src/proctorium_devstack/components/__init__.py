"""The components of the stack."""
