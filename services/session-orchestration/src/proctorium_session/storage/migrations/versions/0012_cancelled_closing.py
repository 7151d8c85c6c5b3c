"""Expand the schema: add the time at which a person last cancelled the closing of a session."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("ALTER TABLE sessions ADD COLUMN closing_cancelled_at timestamptz")
