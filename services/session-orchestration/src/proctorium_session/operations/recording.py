"""The one way by which a session changes: record, outbox, revision and notice, in one transaction (`S18`)."""

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
from proctorium_session.domain.record import Entry, Happening, appended
from proctorium_session.domain.sessions import Session
from proctorium_session.storage import changes as changes_storage

CHANNEL = "session_record"
"""NOTIFY channel that carries the id of a session that has changed."""

OURSELVES = "session"
"""The actor of what nobody asked for: the clock opened a lobby, a connection was lost."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of ours that is recorded and published; `place` in a trace is that of its call, where several share a transaction."""

    event: Message
    actor: UUID | str
    participant_id: UUID | None = None
    place: SpanContext | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """An event of another service that belongs in the record: it is published already."""

    event: Message
    actor: UUID | str
    participant_id: UUID
    time: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A session as it is to be, which this transaction has locked, what happened in it, and the learners who joined it."""

    session: Session
    happened: Sequence[Happened | Heard]
    newcomers: Sequence[Participant] = ()


async def change(
    tx: Transaction, session: Session, happened: Sequence[Happened | Heard] = ()
) -> Session:
    """Saves `session`, which this transaction has locked, appends what happened to its record and wakes its watchers.

    Answers the session as saved. What does not belong in the record (progress) changes only the revision.
    """
    (after,) = await change_all(tx, [Change(session, happened)])
    return after


async def change_all(tx: Transaction, changes: Sequence[Change]) -> list[Session]:
    """As `change`, for several sessions."""
    saved: list[Session] = []
    added: list[tuple[UUID, Entry]] = []
    newcomers = [participant for each in changes for participant in each.newcomers]
    for each in changes:
        session = each.session
        happenings = [_happening(tx, happened) for happened in each.happened]
        entries, head = appended(session.head, happenings)
        saved.append(replace(session, head=head, revision=session.next_revision))
        added += [(session.session_id, entry) for entry in entries]
        for happened in each.happened:
            if isinstance(happened, Happened):
                tx.record(happened.event, place=happened.place)
        tx.notify(CHANNEL, str(session.session_id))
    await changes_storage.save(tx, saved, newcomers, added)
    return saved


def _happening(tx: Transaction, happened: Happened | Heard) -> Happening:
    name = name_of(happened.event.DESCRIPTOR)
    return Happening(
        event=f"{name.aggregate}.{name.action}",
        time=happened.time if isinstance(happened, Heard) else tx.now,
        actor=str(happened.actor),
        participant_id=happened.participant_id,
        body=happened.event.SerializeToString(deterministic=True),
    )
