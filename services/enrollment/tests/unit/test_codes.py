from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_enrollment.domain import codes
from proctorium_enrollment.domain.codes import Code, CodeMove, CodeState, Learner, Window
from proctorium_enrollment.domain.sessions import Session, SessionState

NOON = datetime(2026, 4, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LENA, OMAR = new_id(), new_id()
SESSION = Session(new_id(), SessionState.SCHEDULED, new_id(), NOON - HOUR, NOON + HOUR)
OPEN = Code(new_id(), SESSION.session_id, None, CodeState.ACTIVE)
SHARED = replace(OPEN, window=Window(NOON - HOUR, NOON + HOUR))
PERSONAL = replace(SHARED, person_id=LENA)
REGISTERED = Learner(LENA, registered=True, redeemed_before=False)
REJOINING = replace(REGISTERED, redeemed_before=True)
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
    ("code", "session", "learner", "rejoin"),
    [
        pytest.param(SHARED, SESSION, REGISTERED, False, id="shared"),
        pytest.param(PERSONAL, SESSION, REGISTERED, False, id="personal"),
        pytest.param(SHARED, SESSION, REJOINING, True, id="again"),
        pytest.param(
            until(NOON - timedelta(minutes=1)),
            SESSION,
            REJOINING,
            True,
            id="again, window over",
        ),
        pytest.param(
            replace(SHARED, state=CodeState.REVOKED), SESSION, REJOINING, True, id="again, revoked"
        ),
        pytest.param(
            replace(SHARED, state=CodeState.REPLACED),
            SESSION,
            REJOINING,
            True,
            id="again, replaced",
        ),
        pytest.param(
            SHARED,
            SESSION,
            replace(REJOINING, registered=False),
            True,
            id="again, unregistered since",
        ),
    ],
)
def test_who_is_admitted(code: Code, session: Session, learner: Learner, rejoin: bool) -> None:
    assert codes.admit(code, session, learner, NOON).rejoin is rejoin


@pytest.mark.parametrize(
    ("code", "session", "learner", "reason"),
    [
        pytest.param(None, None, REGISTERED, "CODE_INVALID", id="no such text"),
        pytest.param(
            PERSONAL, SESSION, replace(REGISTERED, person_id=OMAR), "NOT_YOUR_CODE", id="another's"
        ),
        pytest.param(
            PERSONAL,
            SESSION,
            replace(REJOINING, person_id=OMAR),
            "NOT_YOUR_CODE",
            id="another's, in the same session",
        ),
        pytest.param(
            SHARED,
            SESSION,
            replace(REGISTERED, registered=False),
            "NOT_YOUR_CODE",
            id="unregistered",
        ),
        pytest.param(
            SHARED,
            ENDED,
            replace(REGISTERED, registered=False),
            "NOT_YOUR_CODE",
            id="unregistered learns nothing of the session",
        ),
        pytest.param(SHARED, ENDED, REGISTERED, "SESSION_ENDED", id="ended"),
        pytest.param(SHARED, ENDED, REJOINING, "SESSION_ENDED", id="rejoin after the end"),
        pytest.param(SHARED, CANCELLED, REGISTERED, "SESSION_CANCELLED", id="cancelled"),
        pytest.param(
            replace(SHARED, state=CodeState.REPLACED),
            SESSION,
            REGISTERED,
            "CODE_REPLACED",
            id="replaced",
        ),
        pytest.param(
            replace(SHARED, state=CodeState.REVOKED),
            SESSION,
            REGISTERED,
            "CODE_REVOKED",
            id="revoked",
        ),
        pytest.param(until(NOON), SESSION, REGISTERED, "CODE_EXPIRED", id="expired"),
        pytest.param(
            since(NOON + timedelta(seconds=1)),
            SESSION,
            REGISTERED,
            "CODE_NOT_YET_VALID",
            id="early",
        ),
    ],
)
def test_who_is_refused_and_why(
    code: Code | None, session: Session | None, learner: Learner, reason: str
) -> None:
    assert reason_of(lambda: codes.admit(code, session, learner, NOON)) == reason


def test_an_early_code_says_from_when_it_is_valid() -> None:
    early = since(NOON + timedelta(minutes=5))
    with pytest.raises(ServiceError) as refused:
        codes.admit(early, SESSION, REGISTERED, NOON)
    assert refused.value.metadata == {"valid_from": "2026-04-02T12:05:00+00:00"}


@pytest.mark.parametrize("move", list(CodeMove), ids=lambda move: move.value)
@pytest.mark.parametrize("state", list(CodeState), ids=lambda state: state.value)
def test_a_code_moves_as_the_table_says_and_not_otherwise(state: CodeState, move: CodeMove) -> None:
    if state is CodeState.EXPIRED:
        code = until(NOON)
    else:
        code = replace(SHARED, state=state)
    assert code.state_at(NOON) is state
    if move in codes.MOVES[state]:
        assert codes.moved(code, move, NOON) is codes.MOVES[state][move]
        return
    with pytest.raises(ServiceError) as refused:
        codes.moved(code, move, NOON)
    assert refused.value.kind is Kind.INVALID_STATE_TRANSITION
    assert refused.value.metadata["from"] == state.value


@pytest.mark.parametrize("now", [NOON - 9 * HOUR, NOON, NOON + 9 * HOUR])
def test_a_code_without_a_window_is_valid_as_long_as_its_session(now: datetime) -> None:
    assert not codes.admit(OPEN, SESSION, REGISTERED, now).rejoin
    assert reason_of(lambda: codes.admit(OPEN, ENDED, REGISTERED, now)) == "SESSION_ENDED"


def test_a_code_has_a_window_only_where_one_was_asked_for() -> None:
    assert codes.window_asked_for(SESSION, None, None, NOON) is None
    begin, end = NOON + HOUR, NOON + 2 * HOUR
    assert codes.window_asked_for(SESSION, begin, end, NOON) == Window(begin, end)
    assert codes.window_asked_for(SESSION, None, end, NOON) == Window(NOON, end)
    assert codes.window_asked_for(SESSION, NOON, None, NOON) == Window(NOON, NOON + HOUR)


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    for begin in (NOON, None):
        asked = partial(codes.window_asked_for, SESSION, begin, NOON, NOON)
        assert reason_of(asked) == "INVALID_REQUEST"
    late = partial(codes.window_asked_for, SESSION, NOON + HOUR, None, NOON)
    assert reason_of(late) == "INVALID_REQUEST"


def test_a_replacement_lasts_until_the_planned_end_at_least() -> None:
    short = until(NOON - timedelta(minutes=1))
    assert codes.window_of_replacement(short, SESSION, NOON) == Window(NOON - HOUR, NOON + HOUR)
    late = NOON + 2 * HOUR
    assert (
        reason_of(lambda: codes.window_of_replacement(SHARED, SESSION, late))
        == "INVALID_STATE_TRANSITION"
    )
    assert codes.window_of_replacement(OPEN, SESSION, late) is None


@pytest.mark.parametrize(
    ("session", "reason"),
    [
        (None, "SESSION_UNKNOWN"),
        (replace(SESSION, course_id=None), "SESSION_UNKNOWN"),
        (replace(SESSION, planned_end_time=None), "SESSION_UNKNOWN"),
        (ENDED, "SESSION_ENDED"),
        (CANCELLED, "SESSION_CANCELLED"),
    ],
    ids=["never heard of", "no course yet", "no plan yet", "ended", "cancelled"],
)
def test_codes_are_issued_for_living_sessions_only(session: Session | None, reason: str) -> None:
    assert reason_of(lambda: codes.require_open(session)) == reason
    assert codes.require_open(SESSION) is SESSION
