"""Expand: a key to find codes that differ from a text only in upper and lower case.

Codes that were issued before have none, since the database cannot compute it: a typed text is not compared with them.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("ALTER TABLE codes ADD COLUMN folded_lookup bytea")
    # Built concurrently; an index whose build was aborted would block the next try.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_codes_folded_lookup")
        op.execute("CREATE INDEX CONCURRENTLY ix_codes_folded_lookup ON codes (folded_lookup)")
