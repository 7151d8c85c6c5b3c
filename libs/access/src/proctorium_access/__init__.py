"""Local copies of enrollment's data about people's rights, for the services and the edge.

These are signing keys, token revocations and proctor certifications, and the file with which the edge verifies tokens.
"""
