"""The handlers of events: event → operation."""
