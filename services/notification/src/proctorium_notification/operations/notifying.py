"""Creating messages for events that concern people (`N1`, `N2`).

Each event causes one message for each person and channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from proctorium_common.storage.database import Transaction
from proctorium_common.telemetry.traces import current_trace_context, traceparent_of
from proctorium_notification.domain.deliveries import Cause
from proctorium_notification.domain.topics import Channel, Session
from proctorium_notification.storage import sessions
from proctorium_notification.storage.deliveries import CHANNEL, insert_deliveries


async def notify(tx: Transaction, cause: Cause, person_ids: Sequence[UUID]) -> None:
    """Create one message for each person and channel. A repeated call for the same event changes nothing.

    If the plan of the session is not known yet, the messages are not sent or shown until the plan is stored.
    """
    context = current_trace_context()
    traceparent = traceparent_of(context) if context else ""
    for channel in Channel:
        await insert_deliveries(tx, cause, person_ids, channel, traceparent)


async def schedule_session(tx: Transaction, session: Session) -> None:
    """Store the plan of a session, and notify the senders, because messages about the session can be sent now."""
    await sessions.upsert_session_plan(tx, session)
    tx.notify(CHANNEL, "")


async def cancel_session(tx: Transaction, session_id: UUID, cancelled_at: datetime) -> None:
    """Store that a session was cancelled."""
    await sessions.upsert_session_cancelled(tx, session_id, cancelled_at)


async def end_session(
    tx: Transaction, session_id: UUID, ended_at: datetime, *, position: int
) -> None:
    """Store that a session has ended, unless a later event has reopened it."""
    await sessions.upsert_session_end(tx, session_id, ended_at, position=position)


async def reopen_session(tx: Transaction, session_id: UUID, *, position: int) -> None:
    """Store that a session was reopened, unless a later event has ended it again."""
    await sessions.upsert_session_end(tx, session_id, None, position=position)
