"""Expand: certifications in the order of enrollment's events."""

from __future__ import annotations

from proctorium_common.storage.schema import order_certifications

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    order_certifications()
