"""Create the table `record`, whose rows are permanent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from proctorium_common.storage.migrations import forbid_changes

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table("record", sa.Column("line", sa.Text, primary_key=True))
    forbid_changes("record")
