"""The schema of identity verification, in numbered revisions."""
