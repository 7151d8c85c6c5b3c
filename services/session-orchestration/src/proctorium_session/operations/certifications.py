"""Until when proctors are certified, as enrollment tells it (`P1`)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from proctorium_common.storage.database import Transaction
from proctorium_session.storage import proctors


async def certified(tx: Transaction, person_id: UUID, until: datetime, told_at: datetime) -> None:
    """Keeps a certification; one that was told before the last one changes nothing."""
    await proctors.keep_certifications(tx, {person_id: until}, told_at)
