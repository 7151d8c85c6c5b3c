"""Expand: whether completing a course earns a certificate."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE courses ADD COLUMN awards_certificate boolean NOT NULL DEFAULT false")
