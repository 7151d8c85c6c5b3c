"""Events in: event → operation. Each handler may come late, again, or in any order."""
