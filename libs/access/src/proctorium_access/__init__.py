"""Local copies of data about people's rights. Enrollment owns the data.

Services copy signing keys, token revocations and certifications of proctors to their own databases. The edge has no
database, so this package writes the keys that verify tokens to a file for the edge.
"""
