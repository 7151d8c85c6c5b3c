"""The handlers of events, which convert events and call operations."""
