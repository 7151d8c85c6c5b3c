"""Tables and queries of notification."""
