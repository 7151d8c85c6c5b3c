"""The tables, queries and objects of identity verification."""
