"""The periodic workers."""
