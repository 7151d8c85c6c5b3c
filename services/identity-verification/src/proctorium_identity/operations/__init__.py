"""The use cases of identity verification."""
