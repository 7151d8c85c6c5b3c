"""The hash chain of a session record (`S18`), which docs/architecture/session-record.md describes."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from proctorium.session.v1.supervision_pb2 import RecordEntry


def broken(session_id: str, entries: Iterable[RecordEntry]) -> int | None:
    """Return the number of the first entry that was changed after it was recorded, or None."""
    link = sha256(session_id.encode()).digest()
    for n, entry in enumerate(entries, 1):
        time = entry.time.seconds * 1_000_000 + entry.time.nanos // 1000
        link += entry.number.to_bytes(8, "big", signed=True) + time.to_bytes(8, "big", signed=True)
        for text in (entry.event, entry.actor, entry.participant_id):
            link += len(text.encode()).to_bytes(4, "big") + text.encode()
        link = sha256(link + len(entry.body).to_bytes(4, "big") + entry.body).digest()
        if entry.number != n or entry.hash != link:
            return n
    return None
