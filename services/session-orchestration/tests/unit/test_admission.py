from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import Kind
from proctorium_session.domain.admission import Refusal, Seats, admit
from proctorium_session.domain.codes import CodeResolution, CodeValidity, ResolvedCode
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import LateEntry, Session

from .builders import NOON, make_plan, make_session

FREE = Seats(capacity=10, taken=0)
LEARNER, OTHER = UUID(int=98), UUID(int=99)
CODE = ResolvedCode(UUID(int=1), UUID(int=2), None, CodeValidity.VALID, None, None, registered=True)
WAITING = ParticipantState.WAITING


def outcome(
    session: Session | None,
    code: ResolvedCode | None = CODE,
    *,
    present: ParticipantState | None = None,
    seats: Seats = FREE,
    late: timedelta = timedelta(0),
    retry_delay: timedelta | None = None,
    person_id: UUID = LEARNER,
) -> str | ParticipantState:
    """Return the state in which a learner is admitted, or the reason for the refusal."""
    entry = CodeResolution(code, retry_delay=retry_delay)
    admitted = admit(entry, person_id, session, present, seats, NOON + late)
    return admitted.reason if isinstance(admitted, Refusal) else admitted


def open_late(state: SessionState) -> Session:
    plan = make_plan(late_entry=LateEntry.UNTIL, late_entry_limit=timedelta(minutes=15))
    return make_session(state, plan)


def test_new_participant_waits_in_the_lobby() -> None:
    assert outcome(open_late(SessionState.LOBBY_OPEN)) is WAITING


def test_new_participant_within_late_entry_is_in_session() -> None:
    late = timedelta(minutes=15)
    session = open_late(SessionState.IN_PROGRESS)
    assert outcome(session, late=late) is ParticipantState.IN_SESSION


@pytest.mark.parametrize(
    ("state", "late", "reason"),
    [
        (SessionState.SCHEDULED, -timedelta(hours=1), "LOBBY_NOT_OPEN"),
        (SessionState.IN_PROGRESS, timedelta(minutes=16), "LATE_ENTRY_CLOSED"),
        (SessionState.ENDED, timedelta(0), "SESSION_ENDED"),
        (SessionState.CANCELLED, timedelta(0), "SESSION_CANCELLED"),
    ],
    ids=["too early", "too late", "ended", "cancelled"],
)
def test_admission_follows_the_state_of_the_session(
    state: SessionState, late: timedelta, reason: str
) -> None:
    assert outcome(open_late(state), late=late) == reason


def test_late_entry_is_closed_unless_the_plan_allows_it() -> None:
    assert outcome(make_session(SessionState.IN_PROGRESS)) == "LATE_ENTRY_CLOSED"


@pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=3)], ids=["at once", "later"])
def test_late_entry_with_approval_waits_until_a_proctor_decides(late: timedelta) -> None:
    session = make_session(SessionState.IN_PROGRESS, make_plan(late_entry=LateEntry.APPROVAL))
    assert outcome(session, late=late) is ParticipantState.AWAITING_APPROVAL
    lobby = make_session(SessionState.LOBBY_OPEN, make_plan(late_entry=LateEntry.APPROVAL))
    assert outcome(lobby) is WAITING


@pytest.mark.parametrize("state", [ParticipantState.AWAITING_APPROVAL, ParticipantState.DENIED])
def test_rejoin_does_not_change_the_decision(state: ParticipantState) -> None:
    session = make_session(SessionState.IN_PROGRESS, make_plan(late_entry=LateEntry.APPROVAL))
    assert outcome(session, present=state) is state


def test_full_session_is_refused() -> None:
    entry = CodeResolution(CODE)
    refused = admit(entry, LEARNER, make_session(), None, Seats(capacity=3, taken=3), NOON)
    assert isinstance(refused, Refusal)
    assert (refused.error().kind, refused.error().reason) == (Kind.EXHAUSTED, "SESSION_FULL")


def test_seats_of_invited_learners_are_reserved() -> None:
    assert outcome(make_session(), seats=Seats(capacity=3, taken=1, reserved=2)) == "SESSION_FULL"


@given(capacity=st.integers(1, 50), arrivals=st.lists(st.booleans(), max_size=120))
def test_no_more_join_than_there_are_seats_and_no_invited_learner_is_refused(
    capacity: int, arrivals: list[bool]
) -> None:
    invited = min(capacity, sum(arrivals))
    joined, taken = 0, 0
    for is_invited in arrivals:
        if is_invited and joined == invited:
            continue
        reserved = 0 if is_invited else invited - joined
        if outcome(make_session(), seats=Seats(capacity, taken, reserved)) == "SESSION_FULL":
            assert not is_invited
        else:
            taken += 1
            joined += is_invited
    assert taken <= capacity


@pytest.mark.parametrize(
    "code",
    [
        replace(CODE, registered=False),
        *(replace(CODE, validity=each) for each in CodeValidity),
        replace(CODE, person_id=LEARNER),
    ],
    ids=["unregistered since", *(each.value for each in CodeValidity), "personal"],
)
def test_rejoin_is_allowed_until_the_end_and_readmits_nobody(code: ResolvedCode) -> None:
    wait = timedelta(seconds=9)
    for state in (SessionState.LOBBY_OPEN, SessionState.IN_PROGRESS):
        session = make_session(state)
        full = Seats(1, 1)
        assert outcome(session, code, present=WAITING, seats=full, retry_delay=wait) is WAITING
        removed = ParticipantState.REMOVED
        assert outcome(session, code, present=removed) is removed
    ended = make_session(SessionState.ENDED)
    assert outcome(ended, code, present=ParticipantState.COMPLETED) == "SESSION_ENDED"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (None, "CODE_INVALID"),
        (replace(CODE, person_id=OTHER), "NOT_YOUR_CODE"),
        (replace(CODE, registered=False), "NOT_YOUR_CODE"),
        (replace(CODE, validity=CodeValidity.EXPIRED), "CODE_EXPIRED"),
        (replace(CODE, validity=CodeValidity.NOT_YET_VALID), "CODE_NOT_YET_VALID"),
        (replace(CODE, validity=CodeValidity.REVOKED), "CODE_REVOKED"),
        (replace(CODE, validity=CodeValidity.REPLACED), "CODE_REPLACED"),
    ],
    ids=["unknown", "another's", "unregistered", "expired", "early", "revoked", "replaced"],
)
def test_invalid_codes_are_refused_with_their_reason(
    code: ResolvedCode | None, reason: str
) -> None:
    assert outcome(make_session(), code) == reason
    throttled = outcome(make_session(), code, retry_delay=timedelta(seconds=9))
    assert throttled == "TOO_MANY_FAILED_CODE_ENTRIES"


@pytest.mark.parametrize("present", [None, WAITING], ids=["newcomer", "participant"])
def test_refusal_of_another_learners_code_reveals_nothing_else(
    present: ParticipantState | None,
) -> None:
    code = replace(CODE, person_id=OTHER, validity=CodeValidity.REVOKED)
    for session in (make_session(SessionState.ENDED), make_session(SessionState.CANCELLED), None):
        assert outcome(session, code, present=present) == "NOT_YOUR_CODE"
    unregistered = replace(CODE, registered=False)
    assert outcome(make_session(SessionState.ENDED), unregistered) == "NOT_YOUR_CODE"


def test_end_of_session_is_reported_before_the_validity_of_the_code() -> None:
    code = replace(CODE, validity=CodeValidity.REPLACED)
    assert outcome(make_session(SessionState.ENDED), code) == "SESSION_ENDED"
    assert outcome(None, code) == "NOT_FOUND"


def test_proctor_cannot_join_their_session() -> None:
    session = make_session()
    assert outcome(session, person_id=session.plan.proctor_ids[0]) == "NOT_ALLOWED"


@pytest.mark.parametrize(
    ("delay", "words"),
    [
        (timedelta(milliseconds=5), "1 second "),
        (timedelta(seconds=17), "17 seconds"),
        (timedelta(minutes=5), "5 minutes"),
    ],
)
def test_throttled_learner_receives_the_waiting_time(delay: timedelta, words: str) -> None:
    refused = admit(CodeResolution(CODE, retry_delay=delay), LEARNER, None, None, FREE, NOON)
    assert isinstance(refused, Refusal)
    error = refused.error()
    assert words in error.message
    assert error.retry_after == max(delay, timedelta(seconds=1))
