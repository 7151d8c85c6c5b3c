"""The tables and queries of notification."""
