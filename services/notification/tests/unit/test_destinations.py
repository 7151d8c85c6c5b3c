from datetime import UTC, datetime, timedelta

import pytest

from proctorium_common.clock import utc_now
from proctorium_notification.domain.destinations import (
    DESTINATIONS,
    Destinations,
    Lane,
    destination_of,
)

SLOW, OTHER = 1, 2


def test_a_destination_is_that_of_the_domain_whatever_its_case() -> None:
    assert destination_of("ada@example.org") == destination_of("Bo@EXAMPLE.org")
    assert destination_of("ada@example.org") != destination_of("ada@example.com")


@pytest.mark.parametrize(
    "email",
    ["", "@", "ada", "ada@", "ada@bücher.example", "ada@\udcff", "a@b@example.org", "a" * 100_000],
    ids=lambda email: repr(email[:20]),
)
def test_every_text_has_a_destination(email: str) -> None:
    assert 0 <= destination_of(email) < DESTINATIONS


@pytest.mark.parametrize(
    ("connections", "ordinary", "slow"), [(2, 1, 1), (3, 2, 1), (8, 6, 2), (64, 48, 16)]
)
def test_a_quarter_of_the_lanes_serves_slow_destinations(
    connections: int, ordinary: int, slow: int
) -> None:
    destinations = Destinations(connections, utc_now)
    assert destinations.lanes(Lane.ORDINARY) == ordinary
    assert destinations.lanes(Lane.SLOW) == slow


def test_a_destination_that_has_not_answered_yet_has_one_lane() -> None:
    destinations = Destinations(8, utc_now)
    assert destinations.open_to(Lane.ORDINARY, OTHER)
    destinations.acquire(OTHER)
    assert not destinations.open_to(Lane.ORDINARY, OTHER)
    assert destinations.closed() == {OTHER}
    destinations.release(OTHER)
    assert destinations.closed() == set()


def test_a_quick_destination_has_half_of_the_ordinary_lanes() -> None:
    destinations = Destinations(8, utc_now)
    destinations.answered_quickly(OTHER)
    for _ in range(3):
        assert destinations.open_to(Lane.ORDINARY, OTHER)
        destinations.acquire(OTHER)
    assert not destinations.open_to(Lane.ORDINARY, OTHER)


def test_a_slow_destination_has_one_slow_lane_and_no_ordinary_one() -> None:
    destinations = Destinations(8, utc_now)
    destinations.answered_quickly(SLOW)
    assert destinations.answered_slowly(SLOW)
    assert not destinations.answered_slowly(SLOW)
    assert not destinations.open_to(Lane.ORDINARY, SLOW)
    assert destinations.slow_and_open() == {SLOW}
    destinations.acquire(SLOW)
    assert not destinations.open_to(Lane.SLOW, SLOW)
    assert destinations.slow_and_open() == set()
    assert destinations.slow() == destinations.closed() == {SLOW}


def test_a_slow_answer_counts_for_a_time_that_doubles() -> None:
    now = datetime(2026, 3, 6, 14, 0, tzinfo=UTC)
    destinations = Destinations(8, lambda: now)
    for seconds in (10, 20, 40, 80, 160, 320, 640, 640):
        assert destinations.answered_slowly(SLOW)
        now += timedelta(seconds=seconds - 1)
        assert destinations.is_slow(SLOW)
        now += timedelta(seconds=1)
        assert destinations.slow() == set()
        # It may show what it does now, with one mail at a time.
        assert destinations.open_to(Lane.ORDINARY, SLOW)
        destinations.acquire(SLOW)
        assert not destinations.open_to(Lane.ORDINARY, SLOW)
        destinations.release(SLOW)


def test_one_quick_answer_takes_back_one_slow_answer() -> None:
    destinations = Destinations(8, utc_now)
    for _ in range(3):
        destinations.answered_slowly(SLOW)
    for _ in range(2):
        destinations.answered_quickly(SLOW)
        assert destinations.is_slow(SLOW)
    destinations.answered_quickly(SLOW)
    assert not destinations.is_slow(SLOW)
    destinations.acquire(SLOW)
    assert not destinations.open_to(Lane.ORDINARY, SLOW)
    destinations.answered_quickly(SLOW)
    assert destinations.open_to(Lane.ORDINARY, SLOW)
