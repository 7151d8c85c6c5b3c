"""Expand: tokens that were revoked."""

from __future__ import annotations

from proctorium_common.storage.schema import create_revocations

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_revocations()
