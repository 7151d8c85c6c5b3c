"""The tables, queries and object storage of identity verification."""
