"""Expand: the certifications of proctors."""

from __future__ import annotations

from proctorium_common.storage.schema import create_certifications

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create_certifications()
