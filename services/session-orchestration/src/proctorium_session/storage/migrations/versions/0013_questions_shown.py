"""Expand the schema: add the setting for the questions during pauses."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE sessions ADD COLUMN questions_shown_while_paused boolean NOT NULL DEFAULT false"
    )
