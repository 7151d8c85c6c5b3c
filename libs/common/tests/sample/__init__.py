"""A small service for the tests of the library, with a table whose rows can change and a permanent table."""
