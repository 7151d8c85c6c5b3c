"""Expand the schema: store the reasons of people who request identity checks."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE participants
            ADD COLUMN identity_check_reason text NOT NULL DEFAULT '',
            ADD CONSTRAINT ck_participants_identity_check_reason CHECK (
                (identity_check_reason = '' OR identity <> 'not_required') AND length(identity_check_reason) <= 1000)
    """)
