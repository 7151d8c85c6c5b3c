"""The rules for conversations (`S8`).

A conversation has the messages of a participant and the proctors, or the announcements of a session.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from proctorium_common.errors import exhausted
from proctorium_session.domain.errors import failed_precondition
from proctorium_session.domain.pace import Pace
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import MemberRole, Session

MAX_MESSAGES = 2000
"""The maximum number of messages of a conversation. A learner with many messages does not limit other learners."""
MESSAGE_PACE = Pace(
    20,
    timedelta(minutes=1),
    "TOO_MANY_MESSAGES",
    "You have sent many messages in a short time. Wait a minute, then send this one again.",
)
"""The pace of the messages of one person in one conversation."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message. If `participant_id` is None, the message is an announcement.

    `sequence` is the number of the message in its conversation. `revision` is the revision of the session in which the
    message was sent. Events and the session record contain a keyed hash of the text instead of the text. `text_key` is
    the key of the hash.
    """

    message_id: UUID
    session_id: UUID
    participant_id: UUID | None
    sequence: int
    revision: int
    sender_id: UUID
    role: MemberRole
    text: str
    text_key: bytes
    sent_at: datetime

    @property
    def text_hash(self) -> bytes:
        """The keyed hash of the text."""
        return hmac.digest(self.text_key, self.text.encode(), "sha256")


def require_messages(session: Session) -> None:
    """Raise LOBBY_NOT_OPEN, SESSION_ENDED or SESSION_CANCELLED if the state of the session allows no new messages."""
    match session.state:
        case SessionState.LOBBY_OPEN | SessionState.IN_PROGRESS | SessionState.CLOSING:
            return
        case SessionState.SCHEDULED:
            raise failed_precondition(
                "LOBBY_NOT_OPEN",
                "The lobby is not open yet. Send messages once it is open.",
                lobby_open_time=session.lobby_open_time.isoformat(),
            )
        case SessionState.ENDED:
            raise failed_precondition(
                "SESSION_ENDED",
                "The session is over. Its messages can still be read, but no new messages can be sent.",
            )
        case SessionState.CANCELLED:
            raise failed_precondition(
                "SESSION_CANCELLED",
                "The session was cancelled. Its messages can still be read, but no new messages can be sent.",
            )


def require_present(state: ParticipantState) -> None:
    """Raise PARTICIPANT_REMOVED if the participant was removed.

    The caller has checked that the session allows messages. Until the session ends, no other state of a participant
    forbids messages.
    """
    if state is ParticipantState.REMOVED:
        raise failed_precondition(
            "PARTICIPANT_REMOVED",
            "The learner was removed from this session. The messages of this conversation can still be read, "
            "but no new messages can be sent.",
        )


def require_space(message_count: int, *, limit: int = MAX_MESSAGES) -> None:
    """Raise MESSAGE_LIMIT_REACHED if the conversation is full."""
    if message_count >= limit:
        raise exhausted(
            "MESSAGE_LIMIT_REACHED",
            "There are too many messages here already. Speak with each other in another way.",
            limit=str(limit),
        )
