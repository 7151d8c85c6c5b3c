"""The rules of notification, without I/O."""
