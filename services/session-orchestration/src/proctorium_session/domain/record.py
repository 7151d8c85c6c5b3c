"""The session record, whose entries are linked by hashes, so that a later change can be detected (`S18`).

`docs/architecture/session-record.md` describes the hashes, and the command line verifies them (`record_chain.py`).
Change both modules and the document together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a record: the number and the hash of its last entry.

    For an empty record, the number is 0 and the hash is the hash of the session's id.
    """

    number: int
    hash: bytes

    @classmethod
    def of(cls, session_id: UUID) -> Head:
        """Return the head of an empty record.

        The hash of the session's id binds the record to the session.
        """
        return cls(0, hashlib.sha256(str(session_id).encode()).digest())


@dataclass(frozen=True, slots=True)
class EntryContent:
    """The content of an entry. `actor` is the id of a person or the name of a service."""

    event: str
    time: datetime
    actor: str
    participant_id: UUID | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a record. The first entry has the `number` 1."""

    number: int
    content: EntryContent
    hash: bytes


class RecordActor(StrEnum):
    """The parties that cause events, as a learner may see them."""

    LEARNER = "learner"
    STAFF = "staff"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """The part of an entry that the learner whom the entry concerns may see.

    `own` says whether the entry concerns only the learner. If it is False, the entry concerns the whole session. The
    learner sees nothing of `body`, except the numbers that the API reads from it.
    """

    number: int
    event: str
    time: datetime
    actor: RecordActor
    own: bool
    body: bytes


def own_entry(entry: Entry, person_id: UUID) -> OwnEntry:
    """Return the entry as the learner `person_id` may see it: without the ids of other people."""
    content = entry.content
    return OwnEntry(
        entry.number,
        content.event,
        content.time,
        _actor(content.actor, person_id),
        content.participant_id is not None,
        content.body,
    )


def _actor(actor: str, person_id: UUID) -> RecordActor:
    """Return the party of `actor`. `actor` is the id of a person or the name of a service."""
    if actor == str(person_id):
        return RecordActor.LEARNER
    try:
        UUID(actor)
    except ValueError:
        return RecordActor.SERVICE
    return RecordActor.STAFF


def append_entries(head: Head, contents: Iterable[EntryContent]) -> tuple[Sequence[Entry], Head]:
    """Append entries with these contents after `head`. Return the new entries and the new head."""
    entries: list[Entry] = []
    for content in contents:
        number = head.number + 1
        head = Head(number, _hash(head.hash, number, content))
        entries.append(Entry(number, content, head.hash))
    return entries, head


def first_invalid_entry(session_id: UUID, entries: Iterable[Entry]) -> int | None:
    """Return the number of the first entry that was changed or is missing, or None if the entries are valid."""
    head = Head.of(session_id)
    for entry in entries:
        (expected,), head = append_entries(head, [entry.content])
        if entry != expected:
            return expected.number
    return None


def _hash(previous: bytes, number: int, content: EntryContent) -> bytes:
    """Return the SHA-256 hash of an entry.

    The hash covers the previous hash, the number and the time (8 bytes each), and the length and content of each text.
    """
    microseconds = (content.time - _EPOCH) // timedelta(microseconds=1)
    participant = str(content.participant_id) if content.participant_id else ""
    digest = hashlib.sha256(previous)
    digest.update(number.to_bytes(8, "big") + microseconds.to_bytes(8, "big", signed=True))
    for part in (
        content.event.encode(),
        content.actor.encode(),
        participant.encode(),
        content.body,
    ):
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()
