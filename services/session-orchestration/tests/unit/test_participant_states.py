from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from proctorium_common.errors import ServiceError
from proctorium_session.domain.participant_states import (
    MOVES,
    Cause,
    ParticipantMove,
    ParticipantState,
    moved_by,
    possible_moves,
    target_of,
)


@pytest.mark.parametrize("state", ParticipantState, ids=str)
@pytest.mark.parametrize("move", ParticipantMove, ids=str)
def test_every_move_is_made_repeated_or_refused(
    state: ParticipantState, move: ParticipantMove
) -> None:
    if state in MOVES[move].origins:
        assert target_of(state, move) is MOVES[move].target
    elif state is MOVES[move].target:
        assert target_of(state, move) is None
    else:
        with pytest.raises(ServiceError) as refused:
            target_of(state, move)
        assert refused.value.reason == "INVALID_STATE_TRANSITION"
        assert refused.value.metadata["from"] == state


def test_the_end_completes_who_was_in_session_and_marks_who_only_waited() -> None:
    assert moved_by(Cause.SESSION_ENDED, ParticipantState.IN_SESSION) is ParticipantState.COMPLETED
    assert moved_by(Cause.SESSION_ENDED, ParticipantState.WAITING) is ParticipantState.NO_SHOW
    assert moved_by(Cause.SESSION_ENDED, ParticipantState.REMOVED) is ParticipantState.REMOVED


def test_who_started_no_assessment_has_left_until_a_start_becomes_known() -> None:
    assert moved_by(Cause.NO_ATTEMPT, ParticipantState.IN_SESSION) is ParticipantState.LEFT
    assert moved_by(Cause.NO_ATTEMPT, ParticipantState.WAITING) is ParticipantState.WAITING
    assert target_of(ParticipantState.LEFT, ParticipantMove.COMPLETE) is ParticipantState.COMPLETED


class LearnerLife(RuleBasedStateMachine):
    """Whatever happens in whatever order, nobody comes back from an end, and nobody completes who was never in session."""

    def __init__(self) -> None:
        super().__init__()
        self.state = ParticipantState.WAITING
        self.was_in_session = False

    @rule(move=st.sampled_from(ParticipantMove))
    def happens(self, move: ParticipantMove) -> None:
        ended = not possible_moves(self.state)
        before = self.state
        try:
            target = target_of(self.state, move)
        except ServiceError:
            return
        self.state = target or self.state
        self.was_in_session |= self.state is ParticipantState.IN_SESSION
        assert not ended or self.state is before

    @rule(cause=st.sampled_from(Cause))
    def caused(self, cause: Cause) -> None:
        self.state = moved_by(cause, self.state)
        self.was_in_session |= self.state is ParticipantState.IN_SESSION

    @invariant()
    def who_completed_was_there(self) -> None:
        assert self.state is not ParticipantState.COMPLETED or self.was_in_session

    @invariant()
    def who_was_there_is_no_no_show(self) -> None:
        assert self.state is not ParticipantState.NO_SHOW or not self.was_in_session


TestLearnerLife = LearnerLife.TestCase
