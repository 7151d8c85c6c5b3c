"""Tables and queries of identity verification."""
