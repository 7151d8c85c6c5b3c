"""The rules for incidents (`S14`).

Proctors write incidents down. An incident never changes the state of a session or participant.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proctorium_common.errors import ServiceError, conflict, exhausted, not_found
from proctorium_session.domain.errors import failed_precondition, invalid_at, not_your_session
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import Actor, Session

MAX_SESSION_REVISIONS = 5000
"""The maximum number of revisions of all incidents of a session."""
MAX_REVISIONS = 100
"""The maximum number of revisions of an incident."""
_CLOCK_SKEW = timedelta(minutes=1)
"""The tolerance for the clock of a client that is ahead of the clock of the service."""


class IncidentSeverity(StrEnum):
    """The severities of incidents."""

    NOTE = "note"
    WARNING = "warning"
    SERIOUS = "serious"


@dataclass(frozen=True, slots=True)
class IncidentCategory:
    """A category of incidents. Each incident has one of the subcategories of its category."""

    category_id: str
    title: str
    subcategories: tuple[IncidentCategory, ...] = ()


def _category(category_id: str, title: str, **subcategories: str) -> IncidentCategory:
    return IncidentCategory(
        category_id,
        title,
        tuple(
            IncidentCategory(f"{category_id}.{name}", each) for name, each in subcategories.items()
        ),
    )


CATEGORIES = (
    _category(
        "environment",
        "Environment",
        noise="Noise",
        other_person="Another person",
        interruption="Interruption, such as an alarm",
        other="Other",
    ),
    _category(
        "learner",
        "Learner",
        forbidden_aid="Forbidden aid",
        communication="Communication with others",
        absence="Absence",
        illness="Illness",
        conduct="Conduct",
        other="Other",
    ),
    _category(
        "staff",
        "Staff",
        late_start="Late start",
        wrong_instruction="Wrong instruction",
        replacement="Replacement of a proctor",
        other="Other",
    ),
    _category(
        "technical",
        "Technical",
        connection="Connection",
        device="Device",
        software="Software",
        power="Power",
        other="Other",
    ),
    _category("other", "Other", other="Other"),
)
"""All categories of incidents."""

_CATEGORY_IDS = frozenset(
    each.category_id for category in CATEGORIES for each in category.subcategories
)


@dataclass(frozen=True, slots=True)
class Incident:
    """A revision of an incident.

    Events and the session record contain a keyed hash of the note instead of the note. `note_key` is the key of the
    hash.
    """

    incident_id: UUID
    session_id: UUID
    participant_id: UUID | None
    category_id: str
    severity: IncidentSeverity
    note: str
    occurred_at: datetime
    revision: int
    note_key: bytes
    author: Actor
    written_at: datetime

    @property
    def etag(self) -> str:
        """The etag of this revision of the incident."""
        return f"v{self.revision}"

    @property
    def note_hash(self) -> bytes:
        """The keyed hash of the note."""
        return hmac.digest(self.note_key, self.note.encode(), "sha256")


@dataclass(frozen=True, slots=True)
class IncidentChanges:
    """The new values in an update of an incident. None means that a value does not change."""

    category_id: str | None = None
    severity: IncidentSeverity | None = None
    note: str | None = None
    occurred_at: datetime | None = None


def check_incident(session: Session, incident: Incident, *, path: str = "") -> None:
    """Check the category and the time of an incident.

    `path` is the prefix of the incident's fields in the request, such as "incident.". Raises INCIDENT_CATEGORY_UNKNOWN
    and OCCURRENCE_TIME_INVALID.
    """
    if incident.category_id not in _CATEGORY_IDS:
        raise invalid_at(
            f"{path}category_id",
            "INCIDENT_CATEGORY_UNKNOWN",
            "Choose one of the subcategories.",
            category_id=incident.category_id,
        )
    if incident.occurred_at > incident.written_at + _CLOCK_SKEW:
        sentence = "This time is in the future. Enter when it happened."
    elif incident.occurred_at < session.lobby_open_time:
        sentence = "This is before the lobby opened. Enter when it happened."
    else:
        return
    raise invalid_at(f"{path}occurrence_time", "OCCURRENCE_TIME_INVALID", sentence)


def require_incidents(session: Session) -> None:
    """Raise LOBBY_NOT_OPEN or SESSION_CANCELLED if the state of the session does not allow new incidents."""
    if session.state is SessionState.SCHEDULED:
        raise failed_precondition(
            "LOBBY_NOT_OPEN",
            "The lobby is not open yet, so there is nothing to report. Open the lobby first.",
            lobby_open_time=session.lobby_open_time.isoformat(),
        )
    if session.state is SessionState.CANCELLED:
        raise failed_precondition(
            "SESSION_CANCELLED", "The session was cancelled, so it has no incidents."
        )


def update_incident(
    current: Incident,
    changes: IncidentChanges,
    etag: str,
    author: Actor,
    *,
    now: datetime,
    note_key: bytes,
) -> Incident | None:
    """Return the next revision of the incident, or None if `changes` has no effect.

    If the note changes, `note_key` is the key of its hash. Raises STALE_ETAG, and INCIDENT_LIMIT_REACHED if the
    incident has too many revisions.
    """
    if etag and etag != current.etag:
        raise conflict(
            "STALE_ETAG",
            "Somebody has changed this incident in the meantime. Read it again, then change it.",
        )
    changed = replace(
        current,
        category_id=changes.category_id or current.category_id,
        severity=changes.severity or current.severity,
        note=changes.note or current.note,
        occurred_at=changes.occurred_at or current.occurred_at,
    )
    if changed == current:
        return None
    if current.revision >= MAX_REVISIONS:
        raise incident_limit_reached(
            MAX_REVISIONS, "This incident was changed very often. Write a new one."
        )
    return replace(
        changed,
        revision=current.revision + 1,
        note_key=current.note_key if changed.note == current.note else note_key,
        author=author,
        written_at=now,
    )


def incident_limit_reached(limit: int, message: str) -> ServiceError:
    """Return the error for too many incidents in a session or too many revisions of an incident."""
    return exhausted("INCIDENT_LIMIT_REACHED", message, limit=str(limit))


def no_incident(*, is_administrator: bool) -> ServiceError:
    """Return the error for an unknown incident.

    A proctor receives the same error for an incident of another session.
    """
    if is_administrator:
        return not_found("NOT_FOUND", "There is no such incident. Reload the list.")
    return not_your_session()
