"""Contract the schema: drop the table of removed participants, whose cases now stay open until the session ends."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("DROP TABLE removed_participants")
