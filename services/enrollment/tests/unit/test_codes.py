"""Tests of the rules for enrollment codes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_devstack.testing.states import check_states
from proctorium_enrollment.domain import codes
from proctorium_enrollment.domain.codes import (
    CODE_STATES,
    Code,
    CodeAction,
    CodeState,
    CodeValidity,
    Learner,
    Window,
)
from proctorium_enrollment.domain.sessions import Session, SessionState

NOON = datetime(2026, 4, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LENA, OMAR = new_id(), new_id()
SESSION = Session(new_id(), SessionState.SCHEDULED, new_id(), NOON - HOUR, NOON + HOUR)
OPEN = Code(new_id(), SESSION.session_id, None, CodeState.ACTIVE)
SHARED = replace(OPEN, window=Window(NOON - HOUR, NOON + HOUR))
PERSONAL = replace(SHARED, person_id=LENA)
REGISTERED = Learner(LENA, registered=True, joined=False)
JOINED = replace(REGISTERED, joined=True)
ENDED = replace(SESSION, state=SessionState.ENDED)
CANCELLED = replace(SESSION, state=SessionState.CANCELLED)


def until(end: datetime) -> Code:
    return replace(SHARED, window=Window(NOON - HOUR, end))


def since(start: datetime) -> Code:
    return replace(SHARED, window=Window(start, NOON + HOUR))


def reason_of(work: Callable[[], object]) -> str:
    with pytest.raises(ServiceError) as refused:
        work()
    return refused.value.reason


def test_generated_codes_have_eight_characters_without_look_alikes() -> None:
    generated = [codes.generate(secrets.choice) for _ in range(1000)]
    assert {len(text) for text in generated} == {8}
    assert not set("".join(generated)) & set("0Oo1lIi")
    assert len(set(generated)) == 1000
    assert len(codes.ALPHABET) == len(set(codes.ALPHABET)) == 55


@pytest.mark.parametrize(
    ("code", "learner", "failed"),
    [
        pytest.param(SHARED, REGISTERED, False, id="shared"),
        pytest.param(PERSONAL, REGISTERED, False, id="personal"),
        pytest.param(until(NOON - HOUR / 2), REGISTERED, False, id="expired"),
        pytest.param(since(NOON + HOUR / 2), REGISTERED, False, id="too early"),
        pytest.param(SHARED, replace(JOINED, registered=False), False, id="unregistered since"),
        pytest.param(None, REGISTERED, True, id="no such text"),
        pytest.param(PERSONAL, replace(REGISTERED, person_id=OMAR), True, id="another's"),
        pytest.param(PERSONAL, replace(JOINED, person_id=OMAR), True, id="another's, joined"),
        pytest.param(SHARED, replace(REGISTERED, registered=False), True, id="unregistered"),
    ],
)
def test_code_entry_that_may_be_a_guess_fails(
    code: Code | None, learner: Learner, failed: bool
) -> None:
    assert codes.is_failed_entry(code, learner) is failed


@pytest.mark.parametrize(
    ("code", "validity"),
    [
        pytest.param(SHARED, CodeValidity.VALID, id="inside its window"),
        pytest.param(OPEN, CodeValidity.VALID, id="without a window"),
        pytest.param(until(NOON), CodeValidity.EXPIRED, id="expired"),
        pytest.param(since(NOON), CodeValidity.VALID, id="just started"),
        pytest.param(
            since(NOON + timedelta(seconds=1)), CodeValidity.NOT_YET_VALID, id="too early"
        ),
        pytest.param(replace(SHARED, state=CodeState.REVOKED), CodeValidity.REVOKED, id="revoked"),
        pytest.param(
            replace(SHARED, state=CodeState.REPLACED), CodeValidity.REPLACED, id="replaced"
        ),
    ],
)
def test_validity_follows_state_and_window(code: Code, validity: CodeValidity) -> None:
    assert codes.validity_of(code, NOON) is validity


def test_state_machine_is_consistent_and_documented() -> None:
    check_states(CODE_STATES, Path(__file__).parents[2] / "README.md")


@pytest.mark.parametrize("action", list(CodeAction), ids=str)
@pytest.mark.parametrize("state", list(CodeState), ids=str)
def test_next_state_refuses_all_other_actions_and_repetitions(
    state: CodeState, action: CodeAction
) -> None:
    code = until(NOON) if state is CodeState.EXPIRED else replace(SHARED, state=state)
    assert code.state_at(NOON) is state
    if CODE_STATES.allows(state, action):
        assert codes.next_state(code, action, NOON) is CODE_STATES.target(state, action)
        return
    with pytest.raises(ServiceError) as refused:
        codes.next_state(code, action, NOON)
    assert refused.value.kind is Kind.INVALID_STATE_TRANSITION
    assert refused.value.metadata["from"] == state


@pytest.mark.parametrize("now", [NOON - 9 * HOUR, NOON, NOON + 9 * HOUR])
def test_code_without_a_window_is_always_valid(now: datetime) -> None:
    assert codes.validity_of(OPEN, now) is CodeValidity.VALID


def test_code_has_a_window_only_if_requested() -> None:
    assert codes.requested_window(SESSION, None, None, NOON) is None
    start, end = NOON + HOUR, NOON + 2 * HOUR
    assert codes.requested_window(SESSION, start, end, NOON) == Window(start, end)
    assert codes.requested_window(SESSION, None, end, NOON) == Window(NOON, end)
    assert codes.requested_window(SESSION, NOON, None, NOON) == Window(NOON, NOON + HOUR)


def test_window_that_ends_before_its_start_is_refused() -> None:
    for start in (NOON, None):
        request = partial(codes.requested_window, SESSION, start, NOON, NOON)
        assert reason_of(request) == "INVALID_REQUEST"


def test_window_that_starts_after_the_planned_end_is_refused_at_its_start() -> None:
    with pytest.raises(ServiceError) as refused:
        codes.requested_window(SESSION, NOON + 2 * HOUR, None, NOON)
    assert [each.field for each in refused.value.violations] == ["valid_from_time"]


def test_replacement_is_valid_until_the_planned_end_or_longer() -> None:
    short = until(NOON - timedelta(minutes=1))
    assert codes.replacement_window(short, SESSION, NOON) == Window(NOON - HOUR, NOON + HOUR)
    late = NOON + 2 * HOUR
    assert (
        reason_of(lambda: codes.replacement_window(SHARED, SESSION, late))
        == "INVALID_STATE_TRANSITION"
    )
    assert codes.replacement_window(OPEN, SESSION, late) is None


@pytest.mark.parametrize(
    ("session", "reason"),
    [
        (None, "SESSION_UNKNOWN"),
        (replace(SESSION, course_id=None), "SESSION_UNKNOWN"),
        (replace(SESSION, planned_end_at=None), "SESSION_UNKNOWN"),
        (ENDED, "SESSION_ENDED"),
        (CANCELLED, "SESSION_CANCELLED"),
    ],
    ids=["unknown", "no course yet", "no plan yet", "ended", "cancelled"],
)
def test_codes_are_issued_only_for_sessions_that_are_not_over(
    session: Session | None, reason: str
) -> None:
    assert reason_of(lambda: codes.require_open(session)) == reason
    assert codes.require_open(SESSION) is SESSION
