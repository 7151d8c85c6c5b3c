from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proctorium_common.errors import Kind, ServiceError
from proctorium_session.domain.session_states import (
    MOVES,
    SessionMove,
    SessionState,
    possible_moves,
    target_of,
)
from proctorium_session.domain.sessions import Session, moved

from .builders import NOON, a_session

ORDER = [
    SessionState.SCHEDULED,
    SessionState.LOBBY_OPEN,
    SessionState.IN_PROGRESS,
    SessionState.ENDED,
]


@pytest.mark.parametrize("state", SessionState, ids=str)
@pytest.mark.parametrize("move", SessionMove, ids=str)
def test_every_move_is_made_repeated_or_refused_with_what_is_possible(
    state: SessionState, move: SessionMove
) -> None:
    if state in MOVES[move].origins:
        assert target_of(state, move) is MOVES[move].target
    elif state is MOVES[move].target:
        assert target_of(state, move) is None
    else:
        with pytest.raises(ServiceError) as refused:
            target_of(state, move)
        assert refused.value.kind is Kind.INVALID_STATE_TRANSITION
        assert refused.value.metadata == {
            "from": state,
            "asked": move,
            "possible": ",".join(possible_moves(state)),
        }


def test_nothing_leaves_the_states_in_which_a_session_is_over() -> None:
    for state in SessionState:
        assert state.over == (not possible_moves(state))


def test_opening_by_hand_sets_the_opening_time_and_by_the_clock_keeps_it() -> None:
    session = a_session(SessionState.SCHEDULED)
    early = NOON - timedelta(hours=2)
    late = NOON - timedelta(minutes=29)
    by_hand = moved(session, SessionMove.OPEN_LOBBY, early, UUID(int=1))
    by_clock = moved(session, SessionMove.OPEN_LOBBY, late, None)
    assert by_hand is not None
    assert by_hand.lobby_open_time == early
    assert by_clock is not None
    assert by_clock.lobby_open_time == session.lobby_open_time


class SessionLife(RuleBasedStateMachine):
    """Whatever is asked in whatever order, a session goes forward only, and its times say where it has been."""

    def __init__(self) -> None:
        super().__init__()
        self.session: Session = a_session(SessionState.SCHEDULED)
        self.now = NOON
        self.before = self.session

    @rule(move=st.sampled_from(SessionMove), minutes=st.integers(0, 90))
    def ask(self, move: SessionMove, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.before = self.session
        try:
            after = moved(self.session, move, self.now, UUID(int=9))
        except ServiceError:
            assert self.session.state not in MOVES[move].origins
            return
        if after is None:
            assert self.session.state is MOVES[move].target
            return
        self.session = replace(after, revision=after.next_revision)

    @precondition(lambda self: self.session.state is not SessionState.CANCELLED)
    @invariant()
    def goes_forward_one_step_at_a_time(self) -> None:
        steps = ORDER.index(self.session.state) - ORDER.index(self.before.state)
        assert steps in {0, 1}

    @invariant()
    def times_say_where_it_has_been(self) -> None:
        state = self.session.state
        began = state in {SessionState.IN_PROGRESS, SessionState.ENDED}
        assert (self.session.actual_start_time is not None) == began
        assert (self.session.end_time is not None) == (state is SessionState.ENDED)
        assert (self.session.ended_by is not None) == (state is SessionState.ENDED)

    @invariant()
    def every_move_shows_in_the_revision(self) -> None:
        if self.session.state is not self.before.state:
            assert self.session.session_revision == self.session.revision


TestSessionLife = SessionLife.TestCase
