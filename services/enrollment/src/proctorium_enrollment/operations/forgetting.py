"""What is not needed any more is not kept: old failures, sign-ins that are long over, places where nobody comes from any more."""

from __future__ import annotations

from datetime import timedelta

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.storage import forgetting as storage

FAILURES_KEPT = timedelta(days=1)
"""Longer than any limit remembers."""
SIGN_INS_KEPT = timedelta(days=30)
"""After its end, so that reusing a stolen token is still seen as that."""

NETWORKS_KEPT = timedelta(days=90)
"""Since the last sign-in from there."""


async def forget(tx: Transaction) -> None:
    """Removes what is older than that."""
    await storage.failures_before(tx, tx.now - FAILURES_KEPT)
    await storage.known_networks_before(tx, tx.now - NETWORKS_KEPT)
    await storage.sign_ins_before(tx, tx.now - SIGN_INS_KEPT)
