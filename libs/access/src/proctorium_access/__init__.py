"""Local copies of enrollment's data about people's rights, for the services and the edge.

The copied data are signing keys, token revocations and proctor certifications. This package also writes the file with
which the edge verifies tokens.
"""
