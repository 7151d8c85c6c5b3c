"""A small service that the tests of the library run: one table of its own, one permanent one."""
