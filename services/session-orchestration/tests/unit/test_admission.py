from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import Kind, ServiceError
from proctorium_session.domain.admission import Places, admitted_as, check_own, check_rejoin
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import LateEntry

from .builders import NOON, a_plan, a_session

ROOM = Places(capacity=10, taken=0)


def reason_for(
    state: SessionState, places: Places = ROOM, late: timedelta = timedelta(0)
) -> str | ParticipantState:
    plan = a_plan(late_entry=LateEntry.UNTIL, late_entry_limit=timedelta(minutes=15))
    try:
        return admitted_as(a_session(state, plan), places, NOON + late)
    except ServiceError as refused:
        return refused.reason


def test_who_comes_to_the_lobby_waits() -> None:
    assert reason_for(SessionState.LOBBY_OPEN) is ParticipantState.WAITING


def test_who_comes_late_but_in_time_is_in_session_at_once() -> None:
    late = timedelta(minutes=15)
    assert reason_for(SessionState.IN_PROGRESS, late=late) is ParticipantState.IN_SESSION


@pytest.mark.parametrize(
    ("state", "late", "reason"),
    [
        (SessionState.SCHEDULED, -timedelta(hours=1), "LOBBY_NOT_OPEN"),
        (SessionState.IN_PROGRESS, timedelta(minutes=16), "LATE_ENTRY_CLOSED"),
        (SessionState.ENDED, timedelta(0), "SESSION_ENDED"),
        (SessionState.CANCELLED, timedelta(0), "SESSION_CANCELLED"),
    ],
    ids=["too early", "too late", "over", "called off"],
)
def test_others_are_told_why_not(state: SessionState, late: timedelta, reason: str) -> None:
    assert reason_for(state, late=late) == reason


def test_late_entry_is_closed_unless_the_plan_opens_it() -> None:
    with pytest.raises(ServiceError) as refused:
        admitted_as(a_session(SessionState.IN_PROGRESS), ROOM, NOON)
    assert refused.value.reason == "LATE_ENTRY_CLOSED"


def test_a_full_session_is_an_exhausted_one() -> None:
    with pytest.raises(ServiceError) as refused:
        admitted_as(a_session(), Places(capacity=3, taken=3), NOON)
    assert (refused.value.kind, refused.value.reason) == (Kind.EXHAUSTED, "SESSION_FULL")


def test_places_of_expected_learners_are_kept_for_them() -> None:
    with pytest.raises(ServiceError):
        admitted_as(a_session(), Places(capacity=3, taken=1, kept=2), NOON)


@given(capacity=st.integers(1, 50), arrivals=st.lists(st.booleans(), max_size=120))
def test_no_more_come_in_than_there_are_places_and_nobody_expected_is_turned_away(
    capacity: int, arrivals: list[bool]
) -> None:
    expected = min(capacity, sum(arrivals))
    come, taken = 0, 0
    for is_expected in arrivals:
        if is_expected and come == expected:
            continue
        kept = 0 if is_expected else expected - come
        try:
            admitted_as(a_session(), Places(capacity, taken, kept), NOON)
        except ServiceError:
            assert not is_expected
        else:
            taken += 1
            come += is_expected
    assert taken <= capacity


def test_a_rejoin_is_allowed_while_the_session_lives_but_not_for_who_was_removed() -> None:
    for state in (SessionState.LOBBY_OPEN, SessionState.IN_PROGRESS):
        check_rejoin(a_session(state), ParticipantState.WAITING)
        with pytest.raises(ServiceError) as refused:
            check_rejoin(a_session(state), ParticipantState.REMOVED)
        assert refused.value.reason == "PARTICIPANT_REMOVED"
    with pytest.raises(ServiceError) as over:
        check_rejoin(a_session(SessionState.ENDED), ParticipantState.COMPLETED)
    assert over.value.reason == "SESSION_ENDED"


def test_who_supervises_a_session_does_not_take_part_in_it() -> None:
    session = a_session()
    with pytest.raises(ServiceError) as refused:
        check_own(session, session.plan.proctor_ids[0])
    assert (refused.value.kind, refused.value.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")
    check_own(session, UUID(int=99))
