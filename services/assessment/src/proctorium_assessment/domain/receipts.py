"""The hash chain of an attempt's revisions (`A6`). `docs/architecture/answers.md` describes it and has a verifier.

The head after each revision is a hash of the head before it, so a receipt proves every revision up to its own.
"""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

GENESIS_PREFIX = b"proctorium-answers-v1"


def genesis(attempt_id: UUID) -> bytes:
    """Return the head of an attempt's chain before its first revision: 32 bytes."""
    return sha256(GENESIS_PREFIX + attempt_id.bytes).digest()


def link(previous: bytes, sequence: int, item_id: UUID, answer: bytes) -> bytes:
    """Return the head after one more revision; `answer` has the canonical bytes, and is empty when removed."""
    return sha256(
        previous + sequence.to_bytes(8, "big") + item_id.bytes + sha256(answer).digest()
    ).digest()
