from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import ServiceError
from proctorium_session.domain.conversations import (
    MAX_MESSAGES,
    PACE_LIMIT,
    PACE_PERIOD,
    require_messages,
    require_pace,
    require_present,
    require_space,
)
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.session_states import SessionState

from .builders import NOON, make_session


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


@given(st.lists(st.integers(0, 180), max_size=PACE_LIMIT), st.integers(180, 400))
def test_accepted_messages_never_exceed_the_pace(seconds: list[int], now: int) -> None:
    times = [NOON + timedelta(seconds=each) for each in seconds]
    at = NOON + timedelta(seconds=now)
    recent = [each for each in times if each > at - PACE_PERIOD]
    if len(recent) < PACE_LIMIT:
        require_pace(times, at)
        return
    with pytest.raises(ServiceError) as refused:
        require_pace(times, at)
    delay = refused.value.retry_after
    assert delay is not None
    # After the delay, and not earlier, the learner may send a message.
    require_pace(times, at + delay)
    with pytest.raises(ServiceError):
        require_pace(times, at + delay - timedelta(microseconds=1))
