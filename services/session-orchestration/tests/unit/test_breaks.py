from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import ServiceError
from proctorium_devstack.testing.states import check_states
from proctorium_session.domain.breaks import (
    BREAK_STATES,
    NO_BREAKS,
    NOTHING_USED,
    OPEN_STATES,
    Break,
    BreakPolicy,
    BreakState,
    BreakUse,
    allowance_of,
    require_length,
    require_requestable,
    require_valid_policy,
)
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import ShownState, shown_state
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import Pause

from .builders import NOON, make_session, make_view

README = Path(__file__).parents[2] / "README.md"
MINUTE = timedelta(minutes=1)
POLICY = BreakPolicy(2, 10 * MINUTE, 15 * MINUTE)
IN_PROGRESS, IN_SESSION = SessionState.IN_PROGRESS, ParticipantState.IN_SESSION


def break_in(state: BreakState) -> Break:
    return Break(UUID(int=1), UUID(int=3), UUID(int=101), state, NOON)


def test_break_state_machine_is_consistent_and_documented() -> None:
    check_states(BREAK_STATES, README)


@pytest.mark.parametrize(
    ("session", "participant", "reason"),
    [
        (SessionState.ENDED, ParticipantState.COMPLETED, "SESSION_ENDED"),
        (SessionState.CANCELLED, ParticipantState.WAITING, "SESSION_CANCELLED"),
        (IN_PROGRESS, ParticipantState.REMOVED, "PARTICIPANT_REMOVED"),
        (SessionState.LOBBY_OPEN, ParticipantState.WAITING, "PARTICIPANT_NOT_IN_SESSION"),
    ],
)
def test_learner_who_is_not_in_session_cannot_request_a_break(
    session: SessionState, participant: ParticipantState, reason: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        require_requestable(session, participant, POLICY, NOTHING_USED)
    assert refused.value.reason == reason


@pytest.mark.parametrize("state", BreakState)
def test_second_break_can_be_requested_only_after_the_first(state: BreakState) -> None:
    use = BreakUse(break_in(state), 1, 5 * MINUTE)
    if state not in OPEN_STATES:
        require_requestable(IN_PROGRESS, IN_SESSION, POLICY, use)
        return
    with pytest.raises(ServiceError) as refused:
        require_requestable(IN_PROGRESS, IN_SESSION, POLICY, use)
    assert refused.value.reason == "BREAK_ALREADY_OPEN"
    assert refused.value.metadata == {"break_id": str(UUID(int=1)), "state": state.value}


@pytest.mark.parametrize(
    ("policy", "use", "sentence"),
    [
        (NO_BREAKS, NOTHING_USED, "This session has no breaks."),
        (POLICY, BreakUse(None, 2, 10 * MINUTE), "5 minutes of the break time remained unused"),
        (
            BreakPolicy(1, MINUTE, MINUTE),
            BreakUse(None, 1, MINUTE),
            "The only break of this session is used, so no break is left.",
        ),
        (POLICY, BreakUse(None, 1, 15 * MINUTE), "All 15 minutes of break time are used"),
        (NO_BREAKS, BreakUse(None, 3, 20 * MINUTE, 20 * MINUTE), "All 20 minutes of break time"),
    ],
)
def test_error_for_exhausted_breaks_says_how_much_is_left(
    policy: BreakPolicy, use: BreakUse, sentence: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        require_requestable(IN_PROGRESS, IN_SESSION, policy, use)
    assert refused.value.reason == "BREAKS_EXHAUSTED"
    assert sentence in refused.value.message
    with pytest.raises(ServiceError) as ungranted:
        require_length(policy, use, MINUTE)
    assert ungranted.value.message == refused.value.message


def test_break_cannot_be_longer_than_the_allowance() -> None:
    require_length(POLICY, NOTHING_USED, 10 * MINUTE)
    for use, length in ((NOTHING_USED, 11 * MINUTE), (BreakUse(None, 1, 9 * MINUTE), 7 * MINUTE)):
        with pytest.raises(ServiceError) as refused:
            require_length(POLICY, use, length)
        assert refused.value.reason == "BREAK_LENGTH_EXCEEDED"
    assert "up to 6 minutes" in refused.value.message


def test_extra_break_time_raises_the_total_and_removes_the_limit_of_the_number() -> None:
    used = BreakUse(None, 2, 15 * MINUTE, 20 * MINUTE)
    left = allowance_of(POLICY, used)
    assert left is not None
    assert (left.count, left.time, left.longest) == (None, 20 * MINUTE, 20 * MINUTE)
    without_policy = allowance_of(NO_BREAKS, BreakUse(extra=20 * MINUTE))
    assert without_policy is not None
    assert without_policy.longest == 20 * MINUTE
    assert allowance_of(NO_BREAKS, NOTHING_USED) is None


@given(
    st.integers(0, 20),
    st.integers(1, 120),
    st.integers(1, 600),
    st.integers(0, 20),
    st.integers(0, 800),
    st.integers(0, 120),
)
def test_allowance_is_never_negative_and_never_exceeds_the_total(
    count: int, length: int, total: int, taken: int, used: int, extra: int
) -> None:
    policy = BreakPolicy(count, length * MINUTE, total * MINUTE) if count else NO_BREAKS
    use = BreakUse(None, taken, used * MINUTE, extra * MINUTE)
    left = allowance_of(policy, use)
    if left is not None:
        assert timedelta() <= left.longest <= left.time
        assert left.longest <= policy.length + use.extra
        assert left.longest + use.time <= policy.total + use.extra or not left.longest


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (replace(NO_BREAKS, length=MINUTE), "count"),
        (replace(NO_BREAKS, total=MINUTE), "count"),
        (BreakPolicy(1), "length"),
        (BreakPolicy(2, 10 * MINUTE, 9 * MINUTE), "total"),
        (BreakPolicy(2, 10 * MINUTE, 21 * MINUTE), "total"),
    ],
)
def test_policy_with_contradicting_limits_is_refused(policy: BreakPolicy, field: str) -> None:
    with pytest.raises(ServiceError) as refused:
        require_valid_policy(policy)
    assert refused.value.reason == "BREAK_POLICY_INVALID"
    assert [each.field for each in refused.value.violations] == [f"plan.break_policy.{field}"]


def test_valid_policies_are_accepted() -> None:
    for policy in (NO_BREAKS, replace(NO_BREAKS, clock_stops=True), POLICY):
        require_valid_policy(policy)


def test_removal_and_pause_are_shown_before_a_break() -> None:
    on_break = BreakUse(break_in(BreakState.STARTED))
    pause = Pause(UUID(int=6), NOON, "Fire alarm")
    session = make_session(IN_PROGRESS)
    for state, paused, shown in (
        (IN_SESSION, None, ShownState.ON_BREAK),
        (IN_SESSION, pause, ShownState.PAUSED),
        (ParticipantState.REMOVED, pause, ShownState.REMOVED),
    ):
        participant = replace(make_view(1, state).participant, breaks=on_break, pause=paused)
        assert shown_state(session, participant) is shown
        everybody = replace(session, pause=paused)
        assert shown_state(everybody, replace(participant, pause=None)) is shown
