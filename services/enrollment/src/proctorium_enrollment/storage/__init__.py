"""The database of enrollment, and its password hashes."""
