"""Expand: all pictures of a case, to count them."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # Built beside what runs; one that was given up half-way is in the way of the next try.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_evidence_case")
        op.execute("CREATE INDEX CONCURRENTLY ix_evidence_case ON evidence (case_id)")
