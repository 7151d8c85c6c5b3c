"""The handlers of events. An event may arrive late, more than once, or in any order."""
