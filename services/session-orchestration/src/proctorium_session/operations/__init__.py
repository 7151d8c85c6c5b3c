"""The use cases of sessions.

Each use case runs in its own transaction. Several use cases share steps.
"""
