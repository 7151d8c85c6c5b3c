"""Expand: from which networks which accounts have been signed in to."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE known_networks (
            mark bytea NOT NULL,
            last_at timestamptz NOT NULL,
            CONSTRAINT pk_known_networks PRIMARY KEY (mark)
        )
        """
    )
    op.execute("CREATE INDEX ix_known_networks_last_at ON known_networks (last_at)")
