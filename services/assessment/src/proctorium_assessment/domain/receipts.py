"""The hash chain of an attempt's answers (`A6`): `docs/architecture/answers.md` says it for learners, with a verifier.

Each saved change makes a link out of the one before it, so a receipt (the link after a change) proves everything saved until then.
"""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

GENESIS_PREFIX = b"proctorium-answers-v1"


def genesis(attempt_id: UUID) -> bytes:
    """The head of an attempt's chain before anything is saved: 32 bytes."""
    return sha256(GENESIS_PREFIX + attempt_id.bytes).digest()


def link(previous: bytes, sequence: int, item_id: UUID, answer: bytes) -> bytes:
    """The head after one more change; `answer` is in its canonical bytes (an `Answer` message; empty when taken back)."""
    return sha256(
        previous + sequence.to_bytes(8, "big") + item_id.bytes + sha256(answer).digest()
    ).digest()
