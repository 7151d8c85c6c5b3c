"""Evidence: the pictures of a case, and the rules for relying on them (`I1`, `I3`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from proctorium_common.errors import Kind, ServiceError, conflict, exhausted


class EvidenceKind(StrEnum):
    """What a picture shows."""

    DOCUMENT = "document"
    SELFIE = "selfie"


EVIDENCE_NEEDED = frozenset(EvidenceKind)
"""The pictures that a case needs before it can be decided."""

MAX_IMAGES = 20
"""The most pictures that a case accepts, including replaced ones; a missing one is always accepted."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One current picture. `object_key` is where its ciphertext is stored."""

    evidence_id: UUID
    case_id: UUID
    kind: EvidenceKind
    object_key: str
    media_type: str
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class LastLook:
    """The latest picture of one kind that a person looked at."""

    kind: EvidenceKind
    evidence_id: UUID


def require_room(kind: EvidenceKind, there: Collection[EvidenceKind], taken: int) -> None:
    """Raise TOO_MANY_IMAGES for replacing a picture after `MAX_IMAGES` were accepted.

    A missing picture is always accepted, so a learner can always send one that was requested.
    """
    if kind in there and taken >= MAX_IMAGES:
        raise exhausted(
            "TOO_MANY_IMAGES",
            f"You have sent {taken} pictures, so you cannot replace them again. The latest ones are used. "
            "You will be asked if new ones are needed.",
            limit=f"{MAX_IMAGES} pictures",
        )


def require_seen(current: Iterable[Evidence], seen: Iterable[LastLook]) -> None:
    """Raise EVIDENCE_NOT_VIEWED unless the person has looked at every current picture, EVIDENCE_REPLACED if one was replaced since.

    Nobody is verified by a picture that nobody has seen.
    """
    there = {evidence.kind: evidence.evidence_id for evidence in current}
    looked_at = {look.kind: look.evidence_id for look in seen}
    changed = sorted(kind for kind, seen_id in looked_at.items() if there.get(kind) != seen_id)
    if changed:
        raise evidence_replaced(changed)
    unseen = ",".join(sorted(there.keys() - looked_at.keys()))
    if unseen:
        raise ServiceError(
            Kind.INVALID_STATE_TRANSITION,
            "EVIDENCE_NOT_VIEWED",
            f"Look at the learner's pictures first ({unseen}), then decide.",
            metadata={"kinds": unseen},
        )


def evidence_replaced(kinds: Iterable[str]) -> ServiceError:
    """Return the error for a decision about pictures that were replaced since the person looked."""
    names = ",".join(kinds)
    return conflict(
        "EVIDENCE_REPLACED",
        f"The learner sent a new picture since you looked ({names}). Look at it, then decide.",
        kinds=names,
    )
