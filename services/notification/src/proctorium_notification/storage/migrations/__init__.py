"""Schema of notification, one numbered revision after the other."""
