"""Tests of the limits for how often a person may repeat an action."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import ServiceError
from proctorium_session.domain.conversations import MESSAGE_PACE
from proctorium_session.domain.hands import HAND_PACE
from proctorium_session.domain.pace import Pace

from .builders import NOON

PACE = Pace(5, timedelta(minutes=1), "TOO_MANY", "Wait a minute.")


@given(st.lists(st.integers(0, 90), max_size=PACE.limit))
def test_accepted_actions_never_exceed_the_pace(ages: list[int]) -> None:
    times = [NOON - timedelta(seconds=age) for age in ages]
    if len([age for age in ages if age < PACE.period.total_seconds()]) < PACE.limit:
        PACE.require(times, NOON)
        return
    with pytest.raises(ServiceError) as refused:
        PACE.require(times, NOON)
    assert (refused.value.reason, refused.value.message) == ("TOO_MANY", "Wait a minute.")
    delay = refused.value.retry_after
    assert delay is not None
    # The action is possible after the delay, and not earlier.
    PACE.require(times, NOON + delay)
    with pytest.raises(ServiceError):
        PACE.require(times, NOON + delay - timedelta(microseconds=1))


def test_messages_and_hands_have_different_paces() -> None:
    assert (MESSAGE_PACE.limit, MESSAGE_PACE.reason) == (20, "TOO_MANY_MESSAGES")
    assert (HAND_PACE.limit, HAND_PACE.reason) == (10, "TOO_MANY_HANDS")
