"""The one way by which a session changes: record, outbox, revision and notice, in one transaction (`S18`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.events.envelope import name_of
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.record import Happening, appended
from proctorium_session.domain.sessions import Session
from proctorium_session.storage import record, sessions

CHANNEL = "session_record"
"""NOTIFY channel that carries the id of a session that has changed."""

OURSELVES = "session"
"""The actor of what nobody asked for: the clock opened a lobby, a connection was lost."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of ours that is recorded and published."""

    event: Message
    actor: UUID | str
    participant_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """An event of another service that belongs in the record: it is published already."""

    event: Message
    actor: UUID | str
    participant_id: UUID
    time: datetime


async def change(
    tx: Transaction, session: Session, happened: Sequence[Happened | Heard] = ()
) -> Session:
    """Saves `session`, which this transaction has locked, appends what happened to its record and wakes its watchers.

    Answers the session as saved. What does not belong in the record (progress) changes only the revision.
    """
    happenings = [_happening(tx, each) for each in happened]
    entries, head = appended(session.head, happenings)
    after = replace(session, head=head, revision=session.next_revision)
    await sessions.save(tx, after)
    if entries:
        await record.append(tx, session.session_id, entries)
    for each in happened:
        if isinstance(each, Happened):
            tx.record(each.event)
    tx.notify(CHANNEL, str(session.session_id))
    return after


def _happening(tx: Transaction, happened: Happened | Heard) -> Happening:
    name = name_of(happened.event.DESCRIPTOR)
    return Happening(
        event=f"{name.aggregate}.{name.action}",
        time=happened.time if isinstance(happened, Heard) else tx.now,
        actor=str(happened.actor),
        participant_id=happened.participant_id,
        body=happened.event.SerializeToString(deterministic=True),
    )
