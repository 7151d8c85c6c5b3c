"""Accommodations: the adjustments that make an assessment accessible to a person (`P2`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from proctorium_common.errors import conflict, exhausted, not_allowed

MAX_REVISIONS = 100
"""The maximum number of revisions of one person's accommodations."""


@dataclass(frozen=True, slots=True)
class Accommodations:
    """A revision of a person's accommodations.

    `extra_time_percent` is a share of the time limit of an assessment. `extra_break_minutes` is the break time in
    addition to the break policy of a session. `alternative_identity_check` means that proctors check the identity
    without images. Revision 0 means that the accommodations were never changed.
    """

    person_id: UUID
    extra_time_percent: int = 0
    extra_break_minutes: int = 0
    assistive_technology: str = ""
    proctor_note: str = ""
    revision: int = 0
    written_by: UUID | None = None
    written_at: datetime | None = None
    alternative_identity_check: bool = False

    @property
    def etag(self) -> str:
        """The etag of this revision of the accommodations."""
        return f"v{self.revision}"

    def without_author(self) -> Accommodations:
        """Return the accommodations without their author, whom only administrators may see."""
        return replace(self, written_by=None)


def require_another_person(administrator_id: UUID, person_id: UUID) -> None:
    """Raise OWN_ACCOMMODATIONS if an administrator would change their own accommodations."""
    if administrator_id == person_id:
        raise not_allowed(
            "OWN_ACCOMMODATIONS",
            "You cannot change your own accommodations. Ask another administrator to change them.",
        )


def update_accommodations(
    current: Accommodations,
    changes: Mapping[str, int | str],
    etag: str,
    *,
    written_by: UUID,
    now: datetime,
) -> Accommodations | None:
    """Return the next revision of the accommodations, or None if `changes` has no effect.

    `changes` contains the new values by the names of their fields. Raises STALE_ETAG if `etag` is not empty and is not
    the current etag, and ACCOMMODATION_LIMIT_REACHED.
    """
    if etag and etag != current.etag:
        raise conflict(
            "STALE_ETAG",
            "Somebody has changed these accommodations in the meantime. Read them again, then change them.",
        )
    values = {
        name: value.strip() if isinstance(value, str) else value for name, value in changes.items()
    }
    changed = replace(current, **values)  # type: ignore[arg-type] # the names come from the message's fields
    if changed == current:
        return None
    if current.revision >= MAX_REVISIONS:
        raise exhausted(
            "ACCOMMODATION_LIMIT_REACHED",
            "These accommodations were changed too often, so no further change can be stored.",
            limit=str(MAX_REVISIONS),
        )
    return replace(changed, revision=current.revision + 1, written_by=written_by, written_at=now)
