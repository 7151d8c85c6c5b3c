from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from proctorium_common.errors import ServiceError
from proctorium_devstack.testing.states import check_states
from proctorium_session.domain.participant_states import (
    PARTICIPANT_STATES,
    ParticipantAction,
    ParticipantState,
)
from proctorium_session.domain.participants import after_start, end_action
from proctorium_session.domain.progress import Progress, ProgressState
from proctorium_session.domain.session_states import SessionState

from .builders import ASSESSMENT, make_plan, make_session, make_view

README = Path(__file__).parents[2] / "README.md"


def test_participant_state_machine_is_consistent_and_documented() -> None:
    check_states(PARTICIPANT_STATES, README)


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (ParticipantState.WAITING, ParticipantAction.MISS),
        (ParticipantState.AWAITING_APPROVAL, ParticipantAction.MISS),
        (ParticipantState.DENIED, ParticipantAction.MISS),
        (ParticipantState.IN_SESSION, ParticipantAction.LEAVE),
        (ParticipantState.REMOVED, None),
    ],
)
def test_end_of_session_without_started_attempt(
    state: ParticipantState, action: ParticipantAction | None
) -> None:
    assert end_action(make_view(state=state), make_session(SessionState.IN_PROGRESS)) is action


def test_end_of_session_completes_participant_with_started_attempt() -> None:
    started = Progress(ASSESSMENT, state=ProgressState.IN_PROGRESS)
    view = replace(make_view(), assessments={ASSESSMENT: started})
    action = end_action(view, make_session(SessionState.IN_PROGRESS))
    assert action is ParticipantAction.COMPLETE


def test_end_of_session_without_assessments_completes_participant() -> None:
    session = make_session(SessionState.IN_PROGRESS, replace(make_plan(), assessment_ids=()))
    assert end_action(make_view(), session) is ParticipantAction.COMPLETE


def test_late_start_of_attempt_completes_participant_who_left() -> None:
    target = PARTICIPANT_STATES.target(ParticipantState.LEFT, ParticipantAction.COMPLETE)
    assert target is ParticipantState.COMPLETED


@pytest.mark.parametrize("state", ParticipantState)
def test_start_of_session_agrees_with_state_machine(state: ParticipantState) -> None:
    after = after_start(make_view(state=state), make_session(SessionState.IN_PROGRESS))
    if PARTICIPANT_STATES.allows(state, ParticipantAction.ADMIT):
        state = ParticipantState.IN_SESSION
    assert after.participant.state is state


class ParticipantLife(RuleBasedStateMachine):
    """Any sequence of actions.

    A final state never changes, and only a participant who was In Session can have completed the session.
    """

    def __init__(self) -> None:
        super().__init__()
        self.state = ParticipantState.WAITING
        self.was_in_session = False

    @initialize(
        state=st.sampled_from([ParticipantState.AWAITING_APPROVAL, ParticipantState.WAITING])
    )
    def join(self, state: ParticipantState) -> None:
        self.state = state

    @rule(action=st.sampled_from(ParticipantAction))
    def act(self, action: ParticipantAction) -> None:
        if action is ParticipantAction.READMIT_TO_LOBBY and self.was_in_session:
            return  # The session has started, and never returns to the lobby.
        was_final = self.state in PARTICIPANT_STATES.final
        before = self.state
        try:
            target = PARTICIPANT_STATES.target(self.state, action)
        except ServiceError:
            return
        self.state = target or self.state
        self.was_in_session |= self.state is ParticipantState.IN_SESSION
        assert not was_final or self.state is before

    @invariant()
    def completed_participant_was_in_session(self) -> None:
        assert self.state is not ParticipantState.COMPLETED or self.was_in_session

    @invariant()
    def no_show_was_never_in_session(self) -> None:
        assert self.state is not ParticipantState.NO_SHOW or not self.was_in_session


TestParticipantLife = ParticipantLife.TestCase
