from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import Kind
from proctorium_enrollment.domain.attempt_limits import (
    NO_WAIT,
    Failures,
    Limit,
    after_failure,
    network_of,
    recent,
    site_of,
    too_many_attempts,
    wait_of,
    without,
)

NOON = datetime(2026, 4, 2, 12, tzinfo=UTC)
LIMIT = Limit(
    free=3,
    first_wait=timedelta(seconds=2),
    longest_wait=timedelta(seconds=60),
    forgotten_after=timedelta(minutes=10),
)


def failed(count: int) -> Failures:
    return Failures(count, NOON)


@pytest.mark.parametrize(
    ("count", "seconds"), [(1, 0), (2, 0), (3, 2), (4, 4), (5, 8), (7, 32), (8, 60), (10_000, 60)]
)
def test_each_failure_beyond_the_free_ones_doubles_the_wait_up_to_the_longest(
    count: int, seconds: int
) -> None:
    assert wait_of(LIMIT, failed(count), NOON) == timedelta(seconds=seconds)


def test_where_many_share_a_limit_each_wait_that_is_over_admits_some() -> None:
    shared = replace(LIMIT, at_once=3)
    waits = [wait_of(shared, failed(count), NOON).total_seconds() for count in range(2, 13)]
    assert waits == [0, 2, 0, 0, 4, 0, 0, 8, 0, 0, 16]


def test_who_never_failed_need_not_wait() -> None:
    assert wait_of(LIMIT, None, NOON) == NO_WAIT


def test_the_wait_gets_shorter_with_time_and_ends() -> None:
    assert wait_of(LIMIT, failed(5), NOON + timedelta(seconds=5)) == timedelta(seconds=3)
    assert wait_of(LIMIT, failed(5), NOON + timedelta(seconds=8)) == NO_WAIT


def test_a_failure_that_was_none_is_taken_back_as_if_it_had_not_been() -> None:
    later, last = NOON + timedelta(seconds=9), NOON + timedelta(seconds=20)
    first = after_failure(LIMIT, None, NOON)
    second = after_failure(LIMIT, first, later)
    assert without(first, NOON) is None
    assert without(second, later) == first
    # Those of others stay, with their times.
    third = after_failure(LIMIT, second, last)
    assert without(third, later) == Failures(2, last, (NOON,))
    # Something else has forgotten them all.
    assert without(None, later) is None
    assert without(Failures(1, last), later) is None


@given(
    st.lists(st.integers(min_value=0, max_value=100), min_size=1, max_size=12),
    st.data(),
)
def test_whatever_overlaps_what_is_left_are_the_failures_alone(
    seconds: list[int], data: st.DataObject
) -> None:
    """Also for the time of the last one, whichever of them ends first."""
    times = [NOON + timedelta(seconds=each) for each in sorted(seconds)]
    failures = None
    for time in times:
        failures = after_failure(LIMIT, failures, time)
    for time in data.draw(st.permutations(times)):
        assert failures == Failures(len(times), times[-1], tuple(reversed(times[:-1])))
        failures = without(failures, time)
        times.remove(time)
    assert failures is None


def test_as_many_failures_as_there_may_be_keep_a_time() -> None:
    times = [NOON + timedelta(seconds=each) for each in range(40)]
    failures = None
    for time in times:
        failures = after_failure(LIMIT, failures, time)
    for time in times[:0:-1]:
        failures = without(failures, time)
    assert failures == Failures(1, times[-16])


def test_failures_are_forgotten_after_a_calm_time() -> None:
    later = NOON + LIMIT.forgotten_after
    assert after_failure(LIMIT, failed(9), later) == Failures(1, later)
    assert recent(LIMIT, failed(9), later) == 0
    assert recent(LIMIT, failed(9), later - timedelta(seconds=1)) == 9


@given(st.lists(st.floats(min_value=0, max_value=2000), max_size=60))
def test_nobody_guesses_faster_than_the_limit_allows(pauses: list[float]) -> None:
    """Whatever pauses a guesser makes, attempts beyond the free ones keep the growing distance."""
    now, failures, made = NOON, None, []
    for pause in pauses:
        now += timedelta(seconds=pause)
        if wait_of(LIMIT, failures, now) == NO_WAIT:
            failures = after_failure(LIMIT, failures, now)
            made.append((now, failures.count))
    for (before, count), (after, _) in pairwise(made):
        if count >= LIMIT.free and after - before < LIMIT.forgotten_after:
            wait = min(LIMIT.first_wait * 2 ** (count - LIMIT.free), LIMIT.longest_wait)
            assert after - before >= wait


@pytest.mark.parametrize(
    ("address", "limited"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("somewhere", "somewhere"),
    ],
)
def test_an_address_stands_for_what_one_guesser_can_have(address: str, limited: str) -> None:
    assert network_of(address) == limited


def test_the_networks_of_one_customer_are_one_site() -> None:
    sites = {site_of(network_of(f"2001:db8:1:{number:x}::1")) for number in range(100)}
    assert sites == {"2001:db8:1::/48"}
    assert site_of(network_of("2001:db8:2::1")) == "2001:db8:2::/48"
    for address in ("192.0.2.1", "::ffff:192.0.2.1", "", "somewhere"):
        assert site_of(network_of(address)) is None


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (timedelta(milliseconds=200), "wait 1 second and"),
        (timedelta(milliseconds=1200), "wait 2 seconds and"),
        (timedelta(seconds=64), "wait 64 seconds and"),
        (timedelta(minutes=5), "wait 5 minutes and"),
    ],
)
def test_the_refusal_says_when_to_try_again(wait: timedelta, words: str) -> None:
    refusal = too_many_attempts(wait)
    assert (refusal.kind, refusal.reason) == (Kind.EXHAUSTED, "TOO_MANY_ATTEMPTS")
    assert words in refusal.message
    assert refusal.retry_after is not None
    assert refusal.retry_after >= wait
