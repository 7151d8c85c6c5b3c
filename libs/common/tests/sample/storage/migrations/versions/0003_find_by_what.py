"""Create an index of `effects.what` without blocking writes to `effects`."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index("ix_effects_what", "effects", ["what"], postgresql_concurrently=True)
