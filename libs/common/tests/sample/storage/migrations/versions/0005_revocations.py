"""Expand: create the table of revocations of tokens."""

from __future__ import annotations

from proctorium_common.storage.schema import create_revocations

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_revocations()
