"""Closing the hands and the breaks of participants for whom the session is over, or who are removed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.breaks import Break, BreakAction, BreakState, after_close
from proctorium_session.events import supervision_events
from proctorium_session.operations.changes import SYSTEM_ACTOR, RecordedEvent
from proctorium_session.storage import breaks, hands

CLOSE_EVENTS: Mapping[BreakAction, Callable[[Break, UUID | None], Message]] = {
    BreakAction.RETURN: supervision_events.break_returned,
    BreakAction.CANCEL: supervision_events.break_cancelled,
}
"""The events of the actions that close a break."""


async def lower_hands(tx: Transaction, participant_ids: Collection[UUID]) -> list[RecordedEvent]:
    """Lower the raised hands of participants for whom the session is over, and return the new events.

    The caller has locked the session's row, and saves the change.
    """
    return [
        RecordedEvent(
            supervision_events.hand_lowered(each, None, None), SYSTEM_ACTOR, each.participant_id
        )
        for each in await hands.lower_hands(tx, participant_ids, tx.now)
    ]


async def close_breaks(tx: Transaction, participant_ids: Collection[UUID]) -> list[RecordedEvent]:
    """Close the open breaks of participants who are removed or for whom the session ends, and return the new events.

    The caller has locked the session's row, and saves the change.
    """
    recorded: list[RecordedEvent] = []
    for old in await breaks.list_open_breaks(tx, participant_ids):
        is_started = old.state is BreakState.STARTED
        action = BreakAction.RETURN if is_started else BreakAction.CANCEL
        closed = after_close(old, action, tx.now)
        await breaks.update_break(tx, closed)
        event = CLOSE_EVENTS[action](closed, None)
        recorded.append(RecordedEvent(event, SYSTEM_ACTOR, closed.participant_id))
    return recorded
