"""What a message is about, and when there is no point in sending it any more (`N1`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class Topic(StrEnum):
    """What a message is about; names its template."""

    SESSION_SCHEDULED = "session_scheduled"
    CODE_ISSUED = "code_issued"
    CODE_REPLACED = "code_replaced"
    SESSION_CANCELLED = "session_cancelled"
    IDENTITY_VERIFIED = "identity_verified"
    IDENTITY_REJECTED = "identity_rejected"
    IDENTITY_RESUBMISSION = "identity_resubmission"
    SESSION_ENDED = "session_ended"
    REMOVED = "removed"
    RESULT_RELEASED = "result_released"
    CERTIFICATE_ISSUED = "certificate_issued"
    ROLE_REVOKED_LEARNER = "role_revoked_learner"
    ROLE_REVOKED_PROCTOR = "role_revoked_proctor"
    ROLE_REVOKED_ADMINISTRATOR = "role_revoked_administrator"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"


class Channel(StrEnum):
    """How a message goes."""

    EMAIL = "email"
    IN_APP = "in_app"


@dataclass(frozen=True, slots=True)
class Session:
    """What messages say of a session."""

    session_id: UUID
    title: str
    start_at: datetime
    duration: timedelta
    cancelled: bool = False
    ended: bool = False

    @property
    def end_at(self) -> datetime:
        """When it is planned to end."""
        return self.start_at + self.duration


CARRYING_A_CODE = frozenset({Topic.CODE_ISSUED, Topic.CODE_REPLACED})
"""Topics whose mail has the text of an enrollment code in it."""

_ABOUT_WHAT_IS_TO_COME = CARRYING_A_CODE | {Topic.SESSION_SCHEDULED}

CALENDAR: Mapping[Topic, str] = {
    Topic.SESSION_SCHEDULED: "REQUEST",
    Topic.CODE_ISSUED: "REQUEST",
    Topic.CODE_REPLACED: "REQUEST",
    Topic.SESSION_CANCELLED: "CANCEL",
}
"""Topics whose mail carries an entry for the calendar, and what it asks the calendar to do (RFC 5546)."""


def pointless(topic: Topic, session: Session | None, now: datetime) -> str | None:
    """Why a message would only confuse when it went out now, or None.

    A mail can be late: the mail server was away, an event was re-driven. An invitation to what is over helps nobody.
    """
    if session is None or topic not in _ABOUT_WHAT_IS_TO_COME:
        return None
    if session.cancelled:
        return "the session was cancelled before the message went out"
    if session.ended or now >= session.end_at:
        return "the session was over before the message went out"
    return None
