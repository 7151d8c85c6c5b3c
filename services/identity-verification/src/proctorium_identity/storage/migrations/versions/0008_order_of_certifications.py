"""Expand: certifications in the order of enrollment's events."""

from __future__ import annotations

from proctorium_common.storage.schema import order_certifications

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    order_certifications()
