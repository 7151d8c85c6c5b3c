"""Saving changes of sessions (`S18`).

One transaction saves the rows, the entries of the session record and the events in the outbox. It also notifies the
watchers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from google.protobuf.message import Message
from opentelemetry.trace import SpanContext

from proctorium_common.events.envelope import name_of
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.participants import Participant
from proctorium_session.domain.record import Entry, EntryContent, append_entries
from proctorium_session.domain.sessions import Session
from proctorium_session.storage import changes

CHANNEL = "session_record"
"""The NOTIFY channel on which the id of each changed session is sent."""

SYSTEM_ACTOR = "session"
"""The actor of automatic changes.

Examples are the opening of a lobby at its opening time, and a lost connection.
"""


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event of session orchestration. It is appended to the session record and published.

    `trace_context` is the trace context of the call that caused the event. Calls in one transaction can have different
    trace contexts.
    """

    event: Message
    actor: UUID | str
    participant_id: UUID | None = None
    trace_context: SpanContext | None = None


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event of another service. It is appended to the session record, but not published again."""

    event: Message
    actor: UUID | str
    participant_id: UUID
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A changed session, with its new events and new participants. The caller has locked the session's row."""

    session: Session
    events: Sequence[RecordedEvent | ReceivedEvent]
    newcomers: Sequence[Participant] = ()


async def save_change(
    tx: Transaction, session: Session, events: Sequence[RecordedEvent | ReceivedEvent] = ()
) -> Session:
    """Save a changed session, and return it with its new revision and head.

    Appends the events to the session record, stores the events of this service in the outbox, and notifies watchers. If
    there are no events, for example after a change of the number of answers, only the revision increases. The caller
    has locked the session's row.
    """
    (saved,) = await save_changes(tx, [Change(session, events)])
    return saved


async def save_changes(tx: Transaction, session_changes: Sequence[Change]) -> list[Session]:
    """Save several changed sessions as `save_change` does. Return the sessions in the same order."""
    saved: list[Session] = []
    added: list[tuple[UUID, Entry]] = []
    newcomers = [participant for each in session_changes for participant in each.newcomers]
    for each in session_changes:
        session = each.session
        contents = [_entry_content(tx, event) for event in each.events]
        entries, head = append_entries(session.head, contents)
        saved.append(replace(session, head=head, revision=session.next_revision))
        added += [(session.session_id, entry) for entry in entries]
        for event in each.events:
            if isinstance(event, RecordedEvent):
                tx.record(event.event, trace_context=event.trace_context)
        tx.notify(CHANNEL, str(session.session_id))
    await changes.save_changes(tx, saved, newcomers, added)
    return saved


def _entry_content(tx: Transaction, event: RecordedEvent | ReceivedEvent) -> EntryContent:
    name = name_of(event.event.DESCRIPTOR)
    return EntryContent(
        event=f"{name.aggregate}.{name.action}",
        time=event.occurred_at if isinstance(event, ReceivedEvent) else tx.now,
        actor=str(event.actor),
        participant_id=event.participant_id,
        body=event.event.SerializeToString(deterministic=True),
    )
