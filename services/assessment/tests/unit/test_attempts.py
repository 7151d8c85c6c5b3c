from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from proctorium_assessment.domain import attempts
from proctorium_assessment.domain.attempts import (
    MOVES,
    Attempt,
    Move,
    State,
    SubmitCause,
    after,
    submit_cause,
)
from proctorium_assessment.domain.time_ledger import Entry, Mark
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id

NOW = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
REASONS = {
    (State.AWAITING_AUTHORIZATION, Move.BEGIN): "ATTEMPT_NOT_AUTHORIZED",
    (State.VOIDED, Move.BEGIN): "ATTEMPT_NOT_AUTHORIZED",
    (State.SUBMITTED, Move.BEGIN): "ATTEMPT_SUBMITTED",
    (State.SCORED, Move.BEGIN): "ATTEMPT_SUBMITTED",
    (State.RELEASED, Move.BEGIN): "ATTEMPT_SUBMITTED",
    (State.SUBMITTED, Move.SUBMIT): "ATTEMPT_SUBMITTED",
    (State.SCORED, Move.SUBMIT): "ATTEMPT_SUBMITTED",
    (State.RELEASED, Move.SUBMIT): "ATTEMPT_SUBMITTED",
    (State.AWAITING_AUTHORIZATION, Move.SUBMIT): "ATTEMPT_NOT_STARTED",
    (State.AUTHORIZED, Move.SUBMIT): "ATTEMPT_NOT_STARTED",
    (State.VOIDED, Move.SUBMIT): "ATTEMPT_NOT_STARTED",
}


def attempt() -> Attempt:
    return Attempt.in_session(
        new_id(),
        assessment_id=new_id(),
        person_id=new_id(),
        session_id=new_id(),
        participant_id=new_id(),
        now=NOW,
    )


@pytest.mark.parametrize(("state", "move"), list(product(State, Move)), ids=str)
def test_every_move_is_in_the_table_or_refused_with_its_reason(state: State, move: Move) -> None:
    step = MOVES.get((state, move))
    if step is not None:
        assert after(state, move) is step.to
        return
    with pytest.raises(ServiceError) as refused:
        after(state, move)
    assert refused.value.kind is Kind.INVALID_STATE_TRANSITION
    assert refused.value.reason == REASONS.get((state, move), "INVALID_STATE_TRANSITION")


def test_nothing_leads_out_of_the_last_states() -> None:
    assert not attempts.possible(State.RELEASED)
    assert not attempts.possible(State.VOIDED)


def test_the_whole_way() -> None:
    ledger = [Entry(Mark.STARTED, NOW)]
    begun = attempt().authorized().begun(timedelta(hours=1), ledger)
    assert begun.deadline_at == NOW + timedelta(hours=1)
    done = begun.handed_in(SubmitCause.LEARNER, NOW).scored().released(NOW)
    assert done.state is State.RELEASED
    assert done.version == 6, "each move is told to watchers"


def test_a_self_paced_attempt_needs_nobodys_authorisation() -> None:
    made = Attempt.self_paced(new_id(), assessment_id=new_id(), person_id=new_id(), now=NOW)
    assert made.begun(None, [Entry(Mark.STARTED, NOW)]).deadline_at is None


def test_the_button_after_the_bell_was_the_bell() -> None:
    assert submit_cause(NOW, NOW) is SubmitCause.LEARNER
    assert submit_cause(NOW, NOW + timedelta(microseconds=1)) is SubmitCause.TIME_LIMIT_EXCEEDED
    assert submit_cause(None, NOW) is SubmitCause.LEARNER


def test_an_attempts_chain_begins_at_its_own_head() -> None:
    one = attempt()
    assert one.first_head != replace(one, attempt_id=new_id()).first_head
