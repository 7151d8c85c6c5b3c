"""The database schema of identity verification, as numbered revisions."""
