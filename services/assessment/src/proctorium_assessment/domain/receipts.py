"""The hash chain of an attempt's revisions (`A6`). `docs/architecture/answers.md` describes the chain and its verifier.

Each head is a hash of the previous head and the new revision. A receipt contains a head, so the receipt proves the last
revision in the chain and every revision before it.
"""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

GENESIS_PREFIX = b"proctorium-answers-v1"


def genesis(attempt_id: UUID) -> bytes:
    """Return the head (32 bytes) of an attempt's chain before its first revision."""
    return sha256(GENESIS_PREFIX + attempt_id.bytes).digest()


def link(previous: bytes, sequence: int, item_id: UUID, answer: bytes) -> bytes:
    """Return the head (32 bytes) of the chain after one more revision.

    `previous` is the head before the revision. `answer` is the canonical bytes of the answer, or empty if the learner
    removed the answer.
    """
    return sha256(
        previous + sequence.to_bytes(8, "big") + item_id.bytes + sha256(answer).digest()
    ).digest()
