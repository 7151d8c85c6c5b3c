"""The rules of identity verification, without I/O."""
