"""The handlers of events. Each handler converts its event and calls an operation."""
