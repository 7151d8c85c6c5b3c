"""The use cases of enrollment.

Each use case runs in its own transaction. Subscribers call some steps of the use cases in the transactions that handle
events.
"""
