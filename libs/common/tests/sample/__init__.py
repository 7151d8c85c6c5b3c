"""A small service for the tests of the library. It has a table whose rows can change, and a permanent table."""
