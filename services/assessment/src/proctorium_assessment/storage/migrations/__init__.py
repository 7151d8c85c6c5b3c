"""Numbered revisions of assessment's schema."""
