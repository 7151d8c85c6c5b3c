"""The content of a message. It contains every value that a template may use."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from proctorium_notification.domain.topics import Session, Topic


@dataclass(frozen=True, slots=True)
class Reader:
    """The name, the language and the time zone of the person for whom a message is rendered."""

    name: str = field(repr=False)
    locale: str = "en"
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Support:
    """The name of the organisation and the contacts to which people send questions. Each value may be empty."""

    organisation: str = ""
    contact: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """The content of one message, from which the message is rendered.

    `subject_id` is the id of the attempt or certificate that the message is about. `subject_title` is the title of the
    course for which a certificate is issued, or the titles of several uncovered sessions.
    """

    topic: Topic
    session: Session | None = None
    subject_id: UUID | None = None
    code: str = field(default="", repr=False)
    subject_title: str = ""


_PATHS = {
    Topic.SESSION_SCHEDULED: "/supervise/{session}",
    Topic.CODE_ISSUED: "/join",
    Topic.CODE_REPLACED: "/join",
    Topic.SESSION_CANCELLED: "/",
    Topic.IDENTITY_VERIFIED: "/sessions/{session}",
    Topic.IDENTITY_REJECTED: "/sessions/{session}",
    Topic.IDENTITY_CHECK_REQUESTED: "/sessions/{session}",
    Topic.IDENTITY_RESUBMISSION_REQUESTED: "/sessions/{session}",
    Topic.SESSION_ENDED: "/results",
    Topic.SESSION_REOPENED: "/sessions/{session}",
    Topic.PARTICIPANT_REMOVED: "/sessions/{session}",
    Topic.PARTICIPANT_READMITTED: "/sessions/{session}",
    Topic.PARTICIPANT_ENDED: "/sessions/{session}",
    Topic.PARTICIPANT_END_UNDONE: "/sessions/{session}",
    Topic.RESULT_RELEASED: "/results/{subject}",
    Topic.CERTIFICATE_ISSUED: "/certificates/{subject}",
    Topic.ROLE_REVOKED_LEARNER: "/",
    Topic.ROLE_REVOKED_PROCTOR: "/",
    Topic.ROLE_REVOKED_ADMINISTRATOR: "/",
    Topic.ACCOUNT_DISABLED: "/",
    Topic.ACCOUNT_ENABLED: "/",
    Topic.SESSION_UNCOVERED: "/supervise",
    Topic.SESSION_TAKEN: "/supervise/{session}",
    Topic.SESSION_HANDED_OVER: "/supervise/{session}",
}


def link_of(content: Content, public_url: str) -> str:
    """Return the URL of the page to which the message links."""
    session_id = content.session.session_id if content.session else ""
    path = _PATHS[content.topic].format(session=session_id, subject=content.subject_id or "")
    return public_url.rstrip("/") + path
