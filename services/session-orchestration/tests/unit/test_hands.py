from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from proctorium_common.errors import ServiceError
from proctorium_devstack.testing.states import check_states
from proctorium_session.domain.hands import (
    HAND_STATES,
    Hand,
    HandKind,
    HandState,
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
        (SessionState.IN_PROGRESS, ParticipantState.COMPLETED, None, "PARTICIPANT_ENDED"),
        (SessionState.IN_PROGRESS, ParticipantState.LEFT, None, "PARTICIPANT_ENDED"),
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
