"""Tests of the states of attempts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from proctorium_assessment.domain.attempts import (
    ATTEMPT_STATES,
    Attempt,
    AttemptAction,
    AttemptState,
    SubmitCause,
    submit_cause,
)
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_devstack.testing.states import check_states

README = Path(__file__).parents[2] / "README.md"
NOW = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
REASONS = {
    (AttemptState.AWAITING_AUTHORIZATION, AttemptAction.START): "ATTEMPT_NOT_AUTHORIZED",
    (AttemptState.VOIDED, AttemptAction.START): "ATTEMPT_NOT_AUTHORIZED",
    (AttemptState.SUBMITTED, AttemptAction.START): "ATTEMPT_SUBMITTED",
    (AttemptState.SCORED, AttemptAction.START): "ATTEMPT_SUBMITTED",
    (AttemptState.RELEASED, AttemptAction.START): "ATTEMPT_SUBMITTED",
    (AttemptState.SCORED, AttemptAction.SUBMIT): "ATTEMPT_SUBMITTED",
    (AttemptState.RELEASED, AttemptAction.SUBMIT): "ATTEMPT_SUBMITTED",
    (AttemptState.AWAITING_AUTHORIZATION, AttemptAction.SUBMIT): "ATTEMPT_NOT_STARTED",
    (AttemptState.AUTHORIZED, AttemptAction.SUBMIT): "ATTEMPT_NOT_STARTED",
    (AttemptState.VOIDED, AttemptAction.SUBMIT): "ATTEMPT_NOT_STARTED",
}
REPETITIONS = {
    (AttemptState.AUTHORIZED, AttemptAction.AUTHORIZE),
    (AttemptState.AWAITING_AUTHORIZATION, AttemptAction.WITHDRAW),
    (AttemptState.IN_PROGRESS, AttemptAction.START),
    (AttemptState.IN_PROGRESS, AttemptAction.REOPEN),
    (AttemptState.SUBMITTED, AttemptAction.SUBMIT),
    (AttemptState.SCORED, AttemptAction.SCORE),
    (AttemptState.RELEASED, AttemptAction.RELEASE),
    (AttemptState.VOIDED, AttemptAction.VOID),
    (AttemptState.AWAITING_AUTHORIZATION, AttemptAction.RESTORE),
    (AttemptState.AUTHORIZED, AttemptAction.RESTORE_AUTHORIZED),
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


def test_states_are_consistent_and_documented() -> None:
    check_states(ATTEMPT_STATES, README)


@pytest.mark.parametrize(("state", "action"), list(product(AttemptState, AttemptAction)), ids=str)
def test_each_action_changes_the_state_or_is_refused_with_its_reason(
    state: AttemptState, action: AttemptAction
) -> None:
    if ATTEMPT_STATES.allows(state, action):
        assert ATTEMPT_STATES.target(state, action) is not None
    elif (state, action) in REPETITIONS:
        assert ATTEMPT_STATES.target(state, action) is None
    else:
        with pytest.raises(ServiceError) as refused:
            ATTEMPT_STATES.target(state, action)
        assert refused.value.kind is Kind.INVALID_STATE_TRANSITION
        assert refused.value.reason == REASONS.get((state, action), "INVALID_STATE_TRANSITION")
        assert refused.value.metadata == {
            "from": state,
            "action": action,
            "possible": ",".join(ATTEMPT_STATES.actions(state)),
        }


@pytest.mark.parametrize("action", [AttemptAction.START, AttemptAction.SUBMIT])
def test_refusal_in_a_voided_attempt_does_not_advise_to_start_it(action: AttemptAction) -> None:
    with pytest.raises(ServiceError, match="closed before you started it"):
        ATTEMPT_STATES.target(AttemptState.VOIDED, action)


def test_released_is_final() -> None:
    assert ATTEMPT_STATES.final == {AttemptState.RELEASED}


@pytest.mark.parametrize(
    "authorized", [attempt().authorize(), attempt()], ids=["authorised", "not"]
)
def test_voided_attempt_is_restored_as_it_was(authorized: Attempt) -> None:
    restored = authorized.void().restore()
    assert (restored.state, restored.voided_from) == (authorized.state, None)


def test_attempt_passes_through_all_states_to_the_release() -> None:
    started = attempt().authorize().start(timedelta(hours=1), NOW)
    assert started.deadline_at == NOW + timedelta(hours=1)
    released = started.submit(SubmitCause.LEARNER, NOW).score().release(NOW)
    assert released.state is AttemptState.RELEASED
    assert released.version == 6, "watches report each transition"


def test_self_paced_attempt_needs_no_authorisation() -> None:
    created = Attempt.self_paced(new_id(), assessment_id=new_id(), person_id=new_id(), now=NOW)
    assert created.start(None, NOW).deadline_at is None


def test_submission_after_the_deadline_has_the_time_limit_as_its_cause() -> None:
    assert submit_cause(NOW, NOW) is SubmitCause.LEARNER
    assert submit_cause(NOW, NOW + timedelta(microseconds=1)) is SubmitCause.TIME_LIMIT_EXCEEDED
    assert submit_cause(None, NOW) is SubmitCause.LEARNER


def test_each_attempt_has_its_own_genesis_head() -> None:
    one = attempt()
    assert one.genesis_head != replace(one, attempt_id=new_id()).genesis_head
