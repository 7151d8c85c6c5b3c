"""The rules of sessions, without input and output. The current time is a parameter."""
