"""Expand: the certifications of proctors."""

from __future__ import annotations

from proctorium_access.certifications import create_certifications

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create_certifications()
