"""The handlers of events. Each converts its event and calls an operation."""
