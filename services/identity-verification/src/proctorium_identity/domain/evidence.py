"""Evidence: the pictures of a case, and what has to be true when somebody relies on them (`I1`, `I3`)."""

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
"""What a case needs before it waits for a decision."""

MOST_PICTURES = 20
"""Pictures that a case takes, the replaced ones among them; one that is missing is always taken."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One picture that is there. `object_key` is where its ciphertext lies."""

    evidence_id: UUID
    case_id: UUID
    kind: EvidenceKind
    object_key: str
    media_type: str
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class LastLook:
    """The picture of one kind that a person looked at last."""

    kind: EvidenceKind
    evidence_id: UUID


def require_room(kind: EvidenceKind, there: Collection[EvidenceKind], taken: int) -> None:
    """Raises TOO_MANY_PICTURES for replacing a picture once more after `MOST_PICTURES` were taken.

    What is missing is taken all the same: a person who asks for new pictures can always be sent them.
    """
    if kind in there and taken >= MOST_PICTURES:
        raise exhausted(
            "TOO_MANY_PICTURES",
            f"You have sent {taken} pictures, and what you sent last is kept. You can be asked for new ones.",
            limit=f"{MOST_PICTURES} pictures",
        )


def require_seen(current: Iterable[Evidence], seen: Iterable[LastLook]) -> None:
    """Raises EVIDENCE_NOT_SEEN when the person who decides has not looked at every picture that is there now, and EVIDENCE_REPLACED when what
    they looked at has been replaced since: nobody is verified by a picture that nobody has seen.
    """
    there = {evidence.kind: evidence.evidence_id for evidence in current}
    looked_at = {look.kind: look.evidence_id for look in seen}
    changed = sorted(kind for kind, seen_id in looked_at.items() if there.get(kind) != seen_id)
    if changed:
        raise evidence_replaced(changed)
    unseen = ",".join(sorted(there.keys() - looked_at.keys()))
    if unseen:
        raise ServiceError(
            Kind.ILLEGAL_MOVE,
            "EVIDENCE_NOT_SEEN",
            f"Look at the learner's pictures first ({unseen}), then decide.",
            metadata={"kinds": unseen},
        )


def evidence_replaced(kinds: Iterable[str]) -> ServiceError:
    """What the person saw is not what is there now."""
    names = ",".join(kinds)
    return conflict(
        "EVIDENCE_REPLACED",
        f"The learner sent a new picture since you looked ({names}). Look at it, then decide.",
        kinds=names,
    )
