"""The handlers of events. They convert the events and call operations."""
