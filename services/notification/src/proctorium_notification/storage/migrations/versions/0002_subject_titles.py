"""Expand: the title of what a message is about, such as the course of a certificate."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE deliveries ADD COLUMN subject_title text NOT NULL DEFAULT ''")
