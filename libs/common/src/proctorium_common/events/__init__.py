"""Publishing and handling of events. Import each name from its module."""
