"""Removal of data that is no longer needed: old failed sign-ins and code entries, and sign-ins that ended long ago."""

from __future__ import annotations

from datetime import timedelta

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.storage import forgetting as storage

FAILURES_KEPT = timedelta(days=1)
"""Longer than they count."""
SIGN_INS_KEPT = timedelta(days=30)
"""After its end, so that reusing a stolen token is still seen as that."""


async def forget(tx: Transaction) -> None:
    """Removes what is older than that."""
    await storage.failures_before(tx, tx.now - FAILURES_KEPT)
    await storage.sign_ins_before(tx, tx.now - SIGN_INS_KEPT)
