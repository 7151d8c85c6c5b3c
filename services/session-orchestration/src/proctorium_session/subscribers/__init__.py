"""The handlers of events from other services."""
