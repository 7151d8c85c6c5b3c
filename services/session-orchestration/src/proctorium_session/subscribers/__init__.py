"""Events in: event → operation. No rules here."""
