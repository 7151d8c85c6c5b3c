from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_session.domain.closing import (
    AutomaticStep,
    automatic_step,
    ending_action,
    late_end,
)
from proctorium_session.domain.progress import AttemptTime
from proctorium_session.domain.session_states import SessionAction, SessionState

from .builders import NOON, make_plan, make_session

MINUTE = timedelta(minutes=1)
CLOSE, END = SessionAction.CLOSE, SessionAction.END

times = st.builds(
    AttemptTime,
    st.none() | st.timedeltas(-timedelta(hours=5), timedelta(hours=5)).map(lambda by: NOON + by),
    st.booleans(),
)


@pytest.mark.parametrize(
    ("state", "countdown", "end_now", "action"),
    [
        (SessionState.IN_PROGRESS, MINUTE, False, CLOSE),
        (SessionState.IN_PROGRESS, MINUTE, True, END),
        (SessionState.IN_PROGRESS, timedelta(), False, END),
        (SessionState.CLOSING, MINUTE, False, None),
        (SessionState.CLOSING, MINUTE, True, END),
        (SessionState.LOBBY_OPEN, MINUTE, False, END),
        (SessionState.ENDED, MINUTE, False, END),
    ],
)
def test_request_to_end_a_session_closes_it_first(
    state: SessionState, countdown: timedelta, end_now: bool, action: SessionAction | None
) -> None:
    session = make_session(state, replace(make_plan(), closing_countdown=countdown))
    assert ending_action(session, end_now=end_now) is action


@given(open_times=st.lists(times))
def test_automatic_closing_never_precedes_a_deadline(open_times: list[AttemptTime]) -> None:
    step = automatic_step(open_times, NOON)
    stopped = any(each.is_stopped for each in open_times)
    later = any(each.deadline_at is not None and each.deadline_at > NOON for each in open_times)
    assert (step is AutomaticStep.CLOSE) == (not stopped and not later)
    assert (step is AutomaticStep.ALARM) == stopped


@given(open_times=st.lists(times))
def test_expected_end_is_a_full_minute_after_all_deadlines(open_times: list[AttemptTime]) -> None:
    expected = late_end(NOON, open_times) or NOON
    deadlines = [each.deadline_at for each in open_times if each.deadline_at is not None]
    assert expected >= max([NOON, *deadlines])
    assert expected < max([NOON, *deadlines]) + MINUTE
    assert (expected.second, expected.microsecond) == (0, 0)
