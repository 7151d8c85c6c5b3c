"""What has served its purpose and goes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, exists, or_

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.storage.tables import failed_entries, refresh_tokens, sign_ins


async def failures_before(tx: Transaction, time: datetime) -> None:
    """Remove failed sign-ins and code entries that are counted since before `time`."""
    await tx.execute(delete(failed_entries).where(failed_entries.c.first_at < time))


async def sign_ins_before(tx: Transaction, time: datetime) -> None:
    """Removes the refresh tokens that expired, or whose sign-in ended, before `time`, and the sign-ins that have none."""
    ended = exists().where(
        sign_ins.c.sign_in_id == refresh_tokens.c.sign_in_id, sign_ins.c.ended_at < time
    )
    await tx.execute(delete(refresh_tokens).where(or_(refresh_tokens.c.expires_at < time, ended)))
    left = exists().where(refresh_tokens.c.sign_in_id == sign_ins.c.sign_in_id)
    await tx.execute(delete(sign_ins).where(~left, sign_ins.c.created_at < time))
