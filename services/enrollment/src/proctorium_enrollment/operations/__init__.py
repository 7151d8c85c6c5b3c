"""The use cases of enrollment.

Each use case runs in its own transaction. The subscribers share steps of the use cases.
"""
