"""Copies of people's rights for the services and the edge, from enrollment, which owns them.

Signing keys, revocations of tokens, certifications of proctors, and the file by which the edge checks tokens.
"""
