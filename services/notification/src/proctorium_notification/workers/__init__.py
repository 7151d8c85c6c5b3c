"""The periodic work."""
