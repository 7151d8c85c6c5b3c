"""Topics and channels of messages, and the rule that decides whether a message is too late to be sent (`N1`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class Topic(StrEnum):
    """The topics of messages. The value of a topic is the name of its template."""

    SESSION_SCHEDULED = "session_scheduled"
    CODE_ISSUED = "code_issued"
    CODE_REPLACED = "code_replaced"
    SESSION_CANCELLED = "session_cancelled"
    IDENTITY_VERIFIED = "identity_verified"
    IDENTITY_REJECTED = "identity_rejected"
    IDENTITY_CHECK_REQUESTED = "identity_check_requested"
    IDENTITY_RESUBMISSION_REQUESTED = "identity_resubmission_requested"
    SESSION_ENDED = "session_ended"
    SESSION_REOPENED = "session_reopened"
    PARTICIPANT_REMOVED = "participant_removed"
    PARTICIPANT_READMITTED = "participant_readmitted"
    PARTICIPANT_ENDED = "participant_ended"
    PARTICIPANT_END_UNDONE = "participant_end_undone"
    RESULT_RELEASED = "result_released"
    CERTIFICATE_ISSUED = "certificate_issued"
    ROLE_REVOKED_LEARNER = "role_revoked_learner"
    ROLE_REVOKED_PROCTOR = "role_revoked_proctor"
    ROLE_REVOKED_ADMINISTRATOR = "role_revoked_administrator"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    SESSION_UNCOVERED = "session_uncovered"
    SESSION_TAKEN = "session_taken"
    SESSION_HANDED_OVER = "session_handed_over"


class Channel(StrEnum):
    """The channels by which a message is delivered."""

    EMAIL = "email"
    IN_APP = "in_app"


@dataclass(frozen=True, slots=True)
class Session:
    """The facts about a session that are needed for messages."""

    session_id: UUID
    title: str
    start_at: datetime
    duration: timedelta
    cancelled: bool = False
    ended: bool = False

    @property
    def end_at(self) -> datetime:
        """The planned end of the session."""
        return self.start_at + self.duration


CODE_TOPICS = frozenset({Topic.CODE_ISSUED, Topic.CODE_REPLACED})
"""The topics whose mails contain the text of an enrollment code."""

_INVITATIONS = CODE_TOPICS | {Topic.SESSION_SCHEDULED}

CALENDAR_METHODS: Mapping[Topic, str] = {
    Topic.SESSION_SCHEDULED: "REQUEST",
    Topic.CODE_ISSUED: "REQUEST",
    Topic.CODE_REPLACED: "REQUEST",
    Topic.SESSION_CANCELLED: "CANCEL",
}
"""The method of the calendar entry (RFC 5546) for each topic whose mails have a calendar entry."""


def reason_not_to_send(topic: Topic, session: Session | None, now: datetime) -> str | None:
    """Return the reason why a message should no longer be sent, or None if the message should be sent.

    A mail can be late because the mail server was unavailable or an event was redelivered. For example, an invitation
    to a session that is over would only confuse the recipient.
    """
    if session is None or topic not in _INVITATIONS | {Topic.SESSION_UNCOVERED}:
        return None
    if session.cancelled:
        return "the session was cancelled before the message was sent"
    # A session can still need a proctor after its planned end.
    is_late = topic in _INVITATIONS and now >= session.end_at
    if session.ended or is_late:
        return "the session was over before the message was sent"
    return None
