from __future__ import annotations

import pytest

from proctorium_common.errors import ServiceError
from proctorium_session.domain.conversations import (
    MAX_MESSAGES,
    require_messages,
    require_present,
    require_space,
)
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.session_states import SessionState

from .builders import make_session


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (SessionState.SCHEDULED, "LOBBY_NOT_OPEN"),
        (SessionState.LOBBY_OPEN, None),
        (SessionState.IN_PROGRESS, None),
        (SessionState.ENDED, "SESSION_ENDED"),
        (SessionState.CANCELLED, "SESSION_CANCELLED"),
    ],
)
def test_messages_are_sent_while_the_session_is_open(
    state: SessionState, reason: str | None
) -> None:
    session = make_session(state)
    if reason is None:
        require_messages(session)
    else:
        with pytest.raises(ServiceError) as refused:
            require_messages(session)
        assert refused.value.reason == reason


def test_removed_participant_cannot_write() -> None:
    require_present(ParticipantState.WAITING)
    require_present(ParticipantState.IN_SESSION)
    with pytest.raises(ServiceError, match="removed"):
        require_present(ParticipantState.REMOVED)


def test_conversation_has_a_maximum_number_of_messages() -> None:
    require_space(MAX_MESSAGES - 1)
    with pytest.raises(ServiceError) as refused:
        require_space(MAX_MESSAGES)
    assert refused.value.reason == "MESSAGE_LIMIT_REACHED"
