"""Tests of the rules of throttling, and the numbers in ADR 9."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import Kind
from proctorium_enrollment.domain.throttling import (
    ACCOUNTS_OF_DEVICE,
    FIRST_WAIT,
    FREE_OF_ACCOUNT,
    FREE_OF_NETWORK,
    LONGEST_WAIT,
    NO_WAIT,
    OWN_BEFORE_NETWORK,
    WINDOW,
    Device,
    Failures,
    after_failure,
    code_entry_wait,
    count_of,
    network_of,
    too_many_failed_sign_ins,
    wait_of,
    without,
)

NOON = datetime(2026, 4, 2, 12, tzinfo=UTC)
FREE = 3


def failed(times: int, *, now: datetime = NOON, free: int = FREE) -> Failures | None:
    failures = None
    for _ in range(times):
        failures = after_failure(failures, free, now)
    return failures


@pytest.mark.parametrize(
    ("count", "seconds"), [(0, 0), (1, 0), (2, 0), (3, 2), (4, 4), (5, 8), (10, 256), (99, 300)]
)
def test_wait_doubles_up_to_the_longest(count: int, seconds: int) -> None:
    assert wait_of(failed(count), NOON) == timedelta(seconds=seconds)


def test_wait_ends() -> None:
    failures = failed(5)
    assert wait_of(failures, NOON + timedelta(seconds=5)) == timedelta(seconds=3)
    assert wait_of(failures, NOON + timedelta(seconds=8)) == NO_WAIT


def test_failures_expire_after_the_window_but_not_during_a_wait() -> None:
    failures = failed(1)
    assert count_of(failures, NOON + WINDOW - timedelta(seconds=1)) == 1
    assert count_of(failures, NOON + WINDOW) == 0
    assert after_failure(failures, FREE, NOON + WINDOW) == failed(1, now=NOON + WINDOW)
    late = NOON + WINDOW - timedelta(seconds=1)
    for _ in range(20):
        failures = after_failure(failures, FREE, late)
    assert wait_of(failures, late + LONGEST_WAIT / 2) == LONGEST_WAIT / 2
    assert count_of(failures, late + LONGEST_WAIT / 2) == 21
    assert count_of(failures, late + LONGEST_WAIT) == 0


@given(st.lists(st.floats(min_value=0, max_value=2000), max_size=60))
def test_pauses_do_not_make_guessing_faster(pauses: list[float]) -> None:
    now, failures, guesses_made = NOON, None, []
    for pause in pauses:
        now += timedelta(seconds=pause)
        if wait_of(failures, now) == NO_WAIT:
            failures = after_failure(failures, FREE, now)
            guesses_made.append((now, failures.count))
    for (before, count), (after, _) in pairwise(guesses_made):
        if count >= FREE:
            assert after - before >= min(FIRST_WAIT * 2 ** (count - FREE), LONGEST_WAIT)


# The tests below count a failure before the password is checked, and remove the failure after a successful sign-in.


def test_success_leaves_the_failures_of_others() -> None:
    before = failed(2)
    charged = after_failure(before, FREE, NOON)
    assert without(charged, charged, NOON) == before
    assert without(failed(1), Failures(1, NOON, NOON), NOON) is None
    assert without(None, charged, NOON) is None


def test_success_cancels_its_wait_unless_another_failure_followed() -> None:
    failures = failed(4)
    later = NOON + timedelta(seconds=4)
    charged = after_failure(failures, FREE, later)
    assert wait_of(charged, later) == timedelta(seconds=8)
    assert wait_of(without(charged, charged, later), later) == NO_WAIT
    other = after_failure(charged, FREE, later)
    assert without(other, charged, later) == Failures(5, NOON, other.retry_at)


# The tests below check the numbers in ADR 9.


def guesses(free: int, starts: timedelta, duration: timedelta) -> list[datetime]:
    """Return the times of guesses.

    The first guess is at noon. The next guess is `starts` later, and each further guess is made when the wait is over.
    """
    now = NOON + starts
    failures = after_failure(None, free, NOON)
    times = [NOON]
    while now < NOON + starts + duration:
        now += wait_of(failures, now)
        failures = after_failure(failures, free, now)
        times.append(now)
    return times


def most_guesses_per_hour(free: int) -> int:
    """Return the maximum number of guesses within an hour, for all possible pauses after the first guess."""
    hour = timedelta(hours=1)
    most = 0
    for minutes in range(60):
        times = guesses(free, timedelta(minutes=minutes), 2 * hour)
        most = max(most, *(sum(first <= t < first + hour for t in times) for first in times))
    return most


def test_network_has_fewer_than_100_guesses_per_hour_at_an_account() -> None:
    assert most_guesses_per_hour(FREE_OF_NETWORK) == 32


def test_all_networks_together_have_about_two_guesses_per_minute_at_an_account() -> None:
    assert most_guesses_per_hour(FREE_OF_ACCOUNT) == 122


def test_one_network_alone_never_delays_an_account_in_others() -> None:
    assert most_guesses_per_hour(FREE_OF_NETWORK) < FREE_OF_ACCOUNT


# Code entries.


def test_person_waits_for_their_network_only_after_own_failures() -> None:
    network = failed(9)
    for own in range(OWN_BEFORE_NETWORK):
        assert code_entry_wait(failed(own), network, NOON) == NO_WAIT
    assert code_entry_wait(failed(OWN_BEFORE_NETWORK), network, NOON) == wait_of(network, NOON)
    assert code_entry_wait(failed(5), None, NOON) == timedelta(seconds=8)


# Networks and devices.


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1::/48"),
        ("2001:db8:1:ffff::2", "2001:db8:1::/48"),
        ("2001:db8:2::1", "2001:db8:2::/48"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("somewhere", "somewhere"),
    ],
)
def test_network_of_an_address(address: str, network: str) -> None:
    assert network_of(address) == network


def test_device_has_the_accounts_that_signed_in_last() -> None:
    device = Device("a")
    for number in range(ACCOUNTS_OF_DEVICE + 2):
        device = device.with_account(str(number))
    assert device.accounts == tuple(str(each) for each in range(ACCOUNTS_OF_DEVICE + 1, 1, -1))
    assert device.with_account("5").accounts == ("5", "9", "8", "7", "6", "4", "3", "2")
    assert device.device_id == "a"


# The test below checks the error of a throttled sign-in.


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (timedelta(milliseconds=200), "wait 1 second and"),
        (timedelta(milliseconds=1200), "wait 2 seconds and"),
        (timedelta(seconds=64), "wait 64 seconds and"),
        (timedelta(minutes=5), "wait 5 minutes and"),
    ],
)
def test_error_has_the_time_to_retry(wait: timedelta, words: str) -> None:
    refusal = too_many_failed_sign_ins(wait)
    assert (refusal.kind, refusal.reason) == (Kind.EXHAUSTED, "TOO_MANY_FAILED_SIGN_INS")
    assert words in refusal.message
    assert refusal.retry_after is not None
    assert refusal.retry_after >= wait
