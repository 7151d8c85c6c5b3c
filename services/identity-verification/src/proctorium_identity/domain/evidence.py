"""Evidence: the images of a case, and the rules for accepting and viewing them (`I1`, `I3`, `I5`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from proctorium_common.errors import Kind, ServiceError, conflict, exhausted, not_allowed


class EvidenceKind(StrEnum):
    """The kinds of images that a learner submits."""

    DOCUMENT = "document"
    SELFIE = "selfie"


class AccessSubject(StrEnum):
    """The kinds of learner data whose accesses are logged: an image of each kind, and the registration data."""

    DOCUMENT = "document"
    SELFIE = "selfie"
    REGISTRATION = "registration"


EVIDENCE_NEEDED = frozenset(EvidenceKind)
"""The kinds of images that a case needs before it is submitted for a decision."""

MAX_IMAGES = 20
"""The number of images after which a case accepts only images of missing kinds. Superseded images are included."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One current image of a case. `object_key` is the key of the object that contains the encrypted image."""

    evidence_id: UUID
    case_id: UUID
    kind: EvidenceKind
    object_key: str
    media_type: str
    submitted_at: datetime


def require_image_accepted(
    kind: EvidenceKind, current: Collection[EvidenceKind], count: int
) -> None:
    """Raise TOO_MANY_IMAGES if the image would replace a current image and `count` is at least `MAX_IMAGES`.

    `current` contains the kinds of the current images. `count` is the number of images that the case has accepted. An
    image of a missing kind is always accepted, so that a learner can always submit a requested image.
    """
    if kind in current and count >= MAX_IMAGES:
        raise exhausted(
            "TOO_MANY_IMAGES",
            f"You have sent {count} photos, so you cannot replace them again. The latest ones are used. "
            "You will be asked if new ones are needed.",
            limit=f"{MAX_IMAGES} images",
        )


def require_viewed(current: Iterable[Evidence], viewed: Mapping[EvidenceKind, UUID]) -> None:
    """Raise an error unless a person has viewed every current image.

    `viewed` maps each kind to the id of the image that the person viewed last. Raises EVIDENCE_REPLACED if an image
    was replaced after the person viewed it, and EVIDENCE_NOT_VIEWED if the person has not viewed an image.
    """
    current_ids = {each.kind: each.evidence_id for each in current}
    replaced = sorted(
        kind for kind, viewed_id in viewed.items() if current_ids.get(kind) != viewed_id
    )
    if replaced:
        raise _evidence_replaced(replaced)
    not_viewed = ",".join(sorted(current_ids.keys() - viewed.keys()))
    if not_viewed:
        raise ServiceError(
            Kind.INVALID_STATE_TRANSITION,
            "EVIDENCE_NOT_VIEWED",
            f"Look at the learner's photos first ({not_viewed}), then decide.",
            metadata={"kinds": not_viewed},
        )


def _evidence_replaced(kinds: Iterable[EvidenceKind]) -> ServiceError:
    names = ",".join(kinds)
    return conflict(
        "EVIDENCE_REPLACED",
        f"The learner sent a new photo since you looked ({names}). Look at it, then decide.",
        kinds=names,
    )


def evidence_closed() -> ServiceError:
    """Return the error for a proctor who views evidence after the access period."""
    return not_allowed(
        "EVIDENCE_CLOSED",
        "The session ended too long ago for its proctors to see a learner's photos and registration. "
        "If they are still needed, ask an administrator.",
    )


def evidence_destroyed() -> ServiceError:
    """Return the error for an image whose object was deleted."""
    return ServiceError(
        Kind.NOT_FOUND,
        "EVIDENCE_DESTROYED",
        "This photo is no longer stored. If it is needed, ask the learner for a new one.",
    )
