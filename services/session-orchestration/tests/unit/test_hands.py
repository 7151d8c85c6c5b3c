from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import ServiceError
from proctorium_devstack.testing.states import check_states
from proctorium_session.domain.hands import (
    HAND_STATES,
    PACE_LIMIT,
    PACE_PERIOD,
    Hand,
    HandKind,
    HandState,
    require_pace,
    require_raisable,
)
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.session_states import SessionState

from .builders import NOON

README = Path(__file__).parents[2] / "README.md"
RAISED = Hand(UUID(int=1), UUID(int=3), UUID(int=101), HandKind.HELP, HandState.RAISED, NOON)


def test_hand_state_machine_is_consistent_and_documented() -> None:
    check_states(HAND_STATES, README)


@pytest.mark.parametrize(
    ("session", "participant", "hand", "reason"),
    [
        (SessionState.ENDED, ParticipantState.COMPLETED, None, "SESSION_ENDED"),
        (SessionState.CANCELLED, ParticipantState.WAITING, None, "SESSION_CANCELLED"),
        (SessionState.IN_PROGRESS, ParticipantState.REMOVED, None, "PARTICIPANT_REMOVED"),
        (SessionState.IN_PROGRESS, ParticipantState.IN_SESSION, RAISED, "HAND_ALREADY_RAISED"),
    ],
)
def test_hand_cannot_be_raised(
    session: SessionState, participant: ParticipantState, hand: Hand | None, reason: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        require_raisable(session, participant, hand)
    assert refused.value.reason == reason


def test_present_participant_can_raise_a_hand() -> None:
    require_raisable(SessionState.LOBBY_OPEN, ParticipantState.WAITING, None)
    require_raisable(SessionState.IN_PROGRESS, ParticipantState.IN_SESSION, None)


@given(st.lists(st.integers(0, 180), max_size=PACE_LIMIT), st.integers(180, 400))
def test_raised_hands_never_exceed_the_pace(seconds: list[int], now: int) -> None:
    times = [NOON + timedelta(seconds=each) for each in seconds]
    at = NOON + timedelta(seconds=now)
    if len([each for each in times if each > at - PACE_PERIOD]) < PACE_LIMIT:
        require_pace(times, at)
        return
    with pytest.raises(ServiceError) as refused:
        require_pace(times, at)
    assert refused.value.retry_after is not None
    require_pace(times, at + refused.value.retry_after)
