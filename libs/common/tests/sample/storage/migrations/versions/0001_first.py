"""Create the common tables and the table `effects`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from proctorium_common.storage.migrations import create_common_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_common_tables()
    op.create_table(
        "effects",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("nth", sa.Integer, nullable=False),
    )
