"""Deletion of failed sign-ins, failed code entries and sign-ins after their retention periods."""

from __future__ import annotations

from datetime import timedelta

from proctorium_common.storage.database import Database
from proctorium_enrollment.storage import accounts, throttling

FAILURES_RETENTION = timedelta(days=1)
"""The time for which failures are stored. It is longer than the time for which failures are counted."""
SIGN_INS_RETENTION = timedelta(days=30)
"""The time for which sign-ins are stored after their end. During this time, the reuse of a stolen token is detected."""


async def purge(database: Database) -> None:
    """Delete failures, refresh tokens and sign-ins whose retention period is over."""
    async with database.transaction() as tx:
        await throttling.delete_expired_failures(tx, tx.now - FAILURES_RETENTION)
        await accounts.delete_expired_sign_ins(tx, tx.now - SIGN_INS_RETENTION)
