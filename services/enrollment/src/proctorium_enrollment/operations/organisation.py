"""The organisation's settings (`P7`)."""

from __future__ import annotations

from collections.abc import Mapping

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain import organisation as domain
from proctorium_enrollment.domain.organisation import Organisation
from proctorium_enrollment.storage import organisation as storage


async def get(tx: Transaction) -> Organisation:
    """The settings."""
    return await storage.read(tx)


async def update(tx: Transaction, changes: Mapping[str, str], etag: str) -> Organisation:
    """Change the settings named in `changes`; `etag`, if it is given, is that of the present ones. Raises STALE_ETAG."""
    changed = domain.changed(await storage.read(tx, lock=True), changes, etag)
    await storage.write(tx, changed)
    return changed
