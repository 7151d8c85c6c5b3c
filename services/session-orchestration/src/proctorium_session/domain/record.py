"""The session record: entries linked by hashes, so that nobody changes one unseen (`S18`).

`docs/architecture/session-record.md` describes the hash for whoever verifies a record without us; both change together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a record: the number and hash of its last entry. Number 0 has the hash of the session's id."""

    number: int
    hash: bytes

    @classmethod
    def of(cls, session_id: UUID) -> Head:
        """The head of a record without entries: it binds the record to its session."""
        return cls(0, hashlib.sha256(str(session_id).encode()).digest())


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened, before it has its place: `actor` is a person's id or a service's name."""

    event: str
    time: datetime
    actor: str
    participant_id: UUID | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A happening in its place."""

    number: int
    happening: Happening
    hash: bytes


def appended(head: Head, happenings: Iterable[Happening]) -> tuple[Sequence[Entry], Head]:
    """The entries that follow `head`, and the new head."""
    entries: list[Entry] = []
    for happening in happenings:
        number = head.number + 1
        head = Head(number, _hash(head.hash, number, happening))
        entries.append(Entry(number, happening, head.hash))
    return entries, head


def first_broken(session_id: UUID, entries: Iterable[Entry]) -> int | None:
    """The number of the first entry that is not what was recorded, or is missing; None where all hold."""
    head = Head.of(session_id)
    for entry in entries:
        (expected,), head = appended(head, [entry.happening])
        if entry != expected:
            return expected.number
    return None


def _hash(previous: bytes, number: int, happening: Happening) -> bytes:
    """SHA-256 over the previous hash, the number and the time as 8 bytes each, and each text or body after its length."""
    microseconds = (happening.time - _EPOCH) // timedelta(microseconds=1)
    participant = str(happening.participant_id) if happening.participant_id else ""
    digest = hashlib.sha256(previous)
    digest.update(number.to_bytes(8, "big") + microseconds.to_bytes(8, "big", signed=True))
    for part in (
        happening.event.encode(),
        happening.actor.encode(),
        participant.encode(),
        happening.body,
    ):
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()
