"""Tests of the states of sessions."""

from __future__ import annotations

from functools import reduce
from itertools import permutations

import pytest

from proctorium_enrollment.domain.sessions import SessionState, latest_state

S, P, E, C = (
    SessionState.SCHEDULED,
    SessionState.IN_PROGRESS,
    SessionState.ENDED,
    SessionState.CANCELLED,
)


@pytest.mark.parametrize("reported", list(permutations([S, P, E])), ids=str)
def test_order_of_events_does_not_change_the_latest_state(
    reported: tuple[SessionState, ...],
) -> None:
    assert reduce(latest_state, reported, S) is E


@pytest.mark.parametrize("reported", [S, P, E, C], ids=lambda state: state.value)
def test_session_that_is_over_stays_over(reported: SessionState) -> None:
    assert latest_state(E, reported) is E
    assert latest_state(C, reported) is C
