from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proctorium_common.errors import ServiceError
from proctorium_devstack.testing.states import check_states
from proctorium_session.domain.session_states import SESSION_STATES, SessionAction, SessionState
from proctorium_session.domain.sessions import ActingRole, Actor, Session, apply_action

from .builders import NOON, make_session

PROCTOR = Actor(UUID(int=9), ActingRole.PROCTOR)
README = Path(__file__).parents[2] / "README.md"
ORDER = [
    SessionState.SCHEDULED,
    SessionState.LOBBY_OPEN,
    SessionState.IN_PROGRESS,
    SessionState.CLOSING,
    SessionState.ENDED,
]
RUNNING = {SessionState.IN_PROGRESS, SessionState.CLOSING}


def test_session_state_machine_is_consistent_and_documented() -> None:
    check_states(SESSION_STATES, README)


def test_final_states_have_no_actions() -> None:
    assert SESSION_STATES.final == {SessionState.CANCELLED}


def test_lobby_opening_time_changes_only_if_a_person_opens_it_early() -> None:
    session = make_session(SessionState.SCHEDULED)
    early = NOON - timedelta(hours=2)
    late = NOON - timedelta(minutes=29)
    by_person = apply_action(session, SessionAction.OPEN_LOBBY, early, PROCTOR)
    by_system = apply_action(session, SessionAction.OPEN_LOBBY, late, None)
    assert by_person is not None
    assert by_person.lobby_open_time == early
    assert by_system is not None
    assert by_system.lobby_open_time == session.lobby_open_time


class SessionLife(RuleBasedStateMachine):
    """Any sequence of actions.

    The session never goes back to an earlier state, except that its closing can be cancelled and it can be reopened.
    Its times match its state.
    """

    def __init__(self) -> None:
        super().__init__()
        self.session: Session = make_session(SessionState.SCHEDULED)
        self.now = NOON
        self.before = self.session

    @rule(action=st.sampled_from(SessionAction), minutes=st.integers(0, 90))
    def act(self, action: SessionAction, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.before = self.session
        try:
            after = apply_action(self.session, action, self.now, PROCTOR)
        except ServiceError:
            assert not SESSION_STATES.allows(self.session.state, action)
            return
        if after is None:
            assert not SESSION_STATES.allows(self.session.state, action)
            return
        self.session = replace(after, revision=after.next_revision)

    @precondition(lambda self: self.session.state is not SessionState.CANCELLED)
    @invariant()
    def moves_forward_one_step_at_a_time(self) -> None:
        before, after = self.before.state, self.session.state
        if after is SessionState.ENDED and before in RUNNING:
            return
        if before in RUNNING and after in RUNNING:
            return
        if before is SessionState.ENDED and after is SessionState.IN_PROGRESS:
            return
        assert ORDER.index(after) - ORDER.index(before) in {0, 1}

    @invariant()
    def times_agree_with_state(self) -> None:
        state = self.session.state
        started = state in RUNNING | {SessionState.ENDED}
        assert (self.session.actual_start_time is not None) == started
        assert (self.session.end_time is not None) == (state is SessionState.ENDED)
        assert (self.session.ended_by is not None) == (state is SessionState.ENDED)
        assert (self.session.closing is not None) == (state is SessionState.CLOSING)
        assert (self.session.reopen_until is not None) == (state is SessionState.ENDED)

    @invariant()
    def transition_changes_session_revision(self) -> None:
        if self.session.state is not self.before.state:
            assert self.session.session_revision == self.session.revision


TestSessionLife = SessionLife.TestCase
