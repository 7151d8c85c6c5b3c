"""Tables and queries of assessment."""
