"""The use cases of sessions, each in its own transaction, and the steps that several of them share."""
