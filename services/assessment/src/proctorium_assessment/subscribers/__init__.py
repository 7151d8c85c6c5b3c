"""Events in: event → operation."""
