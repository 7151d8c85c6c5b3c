"""The use cases of sessions, and the steps that several use cases share.

Each use case runs in its own transaction.
"""
