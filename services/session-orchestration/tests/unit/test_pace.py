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


@given(st.lists(st.integers(0, 180), max_size=PACE.limit), st.integers(180, 400))
def test_accepted_actions_never_exceed_the_pace(seconds: list[int], now: int) -> None:
    times = [NOON + timedelta(seconds=each) for each in seconds]
    at = NOON + timedelta(seconds=now)
    if len([each for each in times if each > at - PACE.period]) < PACE.limit:
        PACE.require(times, at)
        return
    with pytest.raises(ServiceError) as refused:
        PACE.require(times, at)
    assert (refused.value.reason, refused.value.message) == ("TOO_MANY", "Wait a minute.")
    delay = refused.value.retry_after
    assert delay is not None
    # The action is possible after the delay, and not earlier.
    PACE.require(times, at + delay)
    with pytest.raises(ServiceError):
        PACE.require(times, at + delay - timedelta(microseconds=1))


def test_messages_and_hands_have_different_paces() -> None:
    assert (MESSAGE_PACE.limit, MESSAGE_PACE.reason) == (20, "TOO_MANY_MESSAGES")
    assert (HAND_PACE.limit, HAND_PACE.reason) == (10, "TOO_MANY_HANDS")
