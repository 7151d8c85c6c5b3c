from datetime import UTC, datetime, timedelta

import pytest

from proctorium_common.clock import utc_now
from proctorium_notification.domain.destinations import (
    DESTINATION_COUNT,
    Destinations,
    Lane,
    destination_of,
)

SLOW, OTHER = 1, 2


def test_destination_depends_on_the_domain_without_its_case() -> None:
    assert destination_of("ada@example.org") == destination_of("Bo@EXAMPLE.org")
    assert destination_of("ada@example.org") != destination_of("ada@example.com")


@pytest.mark.parametrize(
    "email",
    ["", "@", "ada", "ada@", "ada@bücher.example", "ada@\udcff", "a@b@example.org", "a" * 100_000],
    ids=lambda email: repr(email[:20]),
)
def test_every_text_has_a_destination(email: str) -> None:
    assert 0 <= destination_of(email) < DESTINATION_COUNT


@pytest.mark.parametrize(
    ("connections", "ordinary", "slow"), [(2, 1, 1), (3, 2, 1), (8, 6, 2), (64, 48, 16)]
)
def test_a_quarter_of_the_lanes_serves_slow_destinations(
    connections: int, ordinary: int, slow: int
) -> None:
    destinations = Destinations(connections, utc_now)
    assert destinations.limit(Lane.ORDINARY) == ordinary
    assert destinations.limit(Lane.SLOW) == slow


def test_destination_without_a_response_has_one_lane() -> None:
    destinations = Destinations(8, utc_now)
    assert destinations.allows(Lane.ORDINARY, OTHER)
    destinations.acquire(OTHER)
    assert not destinations.allows(Lane.ORDINARY, OTHER)
    assert destinations.blocked() == {OTHER}
    destinations.release(OTHER)
    assert destinations.blocked() == set()


def test_quick_destination_has_half_of_the_ordinary_lanes() -> None:
    destinations = Destinations(8, utc_now)
    destinations.record_quick_response(OTHER)
    for _ in range(3):
        assert destinations.allows(Lane.ORDINARY, OTHER)
        destinations.acquire(OTHER)
    assert not destinations.allows(Lane.ORDINARY, OTHER)


def test_slow_destination_has_one_slow_lane_and_no_ordinary_one() -> None:
    destinations = Destinations(8, utc_now)
    destinations.record_quick_response(SLOW)
    assert destinations.record_slow_response(SLOW)
    assert not destinations.record_slow_response(SLOW)
    assert not destinations.allows(Lane.ORDINARY, SLOW)
    assert destinations.slow_and_free() == {SLOW}
    destinations.acquire(SLOW)
    assert not destinations.allows(Lane.SLOW, SLOW)
    assert destinations.slow_and_free() == set()
    assert destinations.slow() == destinations.blocked() == {SLOW}


def test_each_slow_response_doubles_the_slow_period() -> None:
    now = datetime(2026, 3, 6, 14, 0, tzinfo=UTC)
    destinations = Destinations(8, lambda: now)
    for seconds in (10, 20, 40, 80, 160, 320, 640, 640):
        assert destinations.record_slow_response(SLOW)
        now += timedelta(seconds=seconds - 1)
        assert destinations.is_slow(SLOW)
        now += timedelta(seconds=1)
        assert destinations.slow() == set()
        # After the slow period, one ordinary lane may serve the destination again.
        assert destinations.allows(Lane.ORDINARY, SLOW)
        destinations.acquire(SLOW)
        assert not destinations.allows(Lane.ORDINARY, SLOW)
        destinations.release(SLOW)


def test_quick_response_cancels_one_slow_response() -> None:
    destinations = Destinations(8, utc_now)
    for _ in range(3):
        destinations.record_slow_response(SLOW)
    for _ in range(2):
        destinations.record_quick_response(SLOW)
        assert destinations.is_slow(SLOW)
    destinations.record_quick_response(SLOW)
    assert not destinations.is_slow(SLOW)
    destinations.acquire(SLOW)
    assert not destinations.allows(Lane.ORDINARY, SLOW)
    destinations.record_quick_response(SLOW)
    assert destinations.allows(Lane.ORDINARY, SLOW)
