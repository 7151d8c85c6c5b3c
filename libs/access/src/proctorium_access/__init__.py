"""People's rights as every service and the edge know them: copies of what enrollment, the owner, publishes.

Signing keys, revocations of tokens, certifications of proctors, and the file by which the edge checks tokens.
"""
