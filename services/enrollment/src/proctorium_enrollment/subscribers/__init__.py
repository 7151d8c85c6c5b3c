"""Events in: event to operation."""
