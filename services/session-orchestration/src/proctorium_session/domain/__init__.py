"""The rules of sessions, without I/O; the time is a parameter."""
