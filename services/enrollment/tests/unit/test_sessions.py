from __future__ import annotations

from functools import reduce
from itertools import permutations

import pytest

from proctorium_enrollment.domain.sessions import SessionState, later

S, P, E, C = (
    SessionState.SCHEDULED,
    SessionState.IN_PROGRESS,
    SessionState.ENDED,
    SessionState.CANCELLED,
)


@pytest.mark.parametrize("told", list(permutations([S, P, E])), ids=str)
def test_a_session_that_ended_has_ended_in_whatever_order_it_was_told(
    told: tuple[SessionState, ...],
) -> None:
    assert reduce(later, told, S) is E


@pytest.mark.parametrize("told", [S, P, E, C], ids=lambda state: state.value)
def test_nothing_comes_after_the_end(told: SessionState) -> None:
    assert later(E, told) is E
    assert later(C, told) is C
