"""The tables and queries of assessment."""
