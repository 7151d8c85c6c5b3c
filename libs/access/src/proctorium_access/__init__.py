"""Local copies of enrollment's data about people's rights, for the services and the edge.

The services copy signing keys, token revocations and proctor certifications. For the edge, this package writes the file
with the keys that verify tokens.
"""
