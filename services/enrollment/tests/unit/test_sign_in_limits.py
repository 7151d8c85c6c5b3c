from __future__ import annotations

from datetime import UTC, datetime, timedelta

from proctorium_enrollment.domain.attempt_limits import Failures, Limit, after_failure, wait_of
from proctorium_enrollment.operations.sign_in_attempts import (
    ACCOUNT_LIMIT,
    ADDRESS_LIMIT,
    EVERYWHERE_LIMIT,
    SITE_LIMIT,
)

NOON = datetime(2026, 4, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def most_within(limit: Limit, time: timedelta, burst: int = 10_000) -> int:
    """How often somebody can fail who tries again whenever it is allowed, and after each `burst` waits until all is forgotten."""
    now, failures = NOON, None
    count = 0
    while now < NOON + time:
        failures = after_failure(limit, failures, now)
        now, count = now + wait_of(limit, failures, now), count + 1
        if count % burst == 0:
            now = failures.last_time + limit.forgotten_after
    return count


def most_guesses(limit: Limit) -> int:
    """The most within an hour, with the best pauses."""
    return max(most_within(limit, HOUR, burst) for burst in range(1, 200))


def most_across_hours(limit: Limit) -> int:
    """The most within sixty minutes that begin in one hour of the clock and end in the next."""
    minutes = [timedelta(minutes=each) for each in range(1, 60)]
    return max(most_within(limit, each) + most_within(limit, HOUR - each) for each in minutes)


def test_the_figures_of_adr_9_are_right() -> None:
    assert (most_within(ACCOUNT_LIMIT, HOUR), most_guesses(ACCOUNT_LIMIT)) == (23, 28)
    # These are counted by the hour of the clock: no pause makes more of them, but each hour begins with the free ones.
    assert most_within(EVERYWHERE_LIMIT, HOUR) == 104
    assert most_within(ADDRESS_LIMIT, HOUR) == 420
    assert most_within(SITE_LIMIT, HOUR) == 1640
    across = [most_across_hours(limit) for limit in (EVERYWHERE_LIMIT, ADDRESS_LIMIT, SITE_LIMIT)]
    assert across == [172, 540, 2680]


def test_one_network_alone_never_reaches_what_all_together_may() -> None:
    assert 2 * most_within(ACCOUNT_LIMIT, HOUR) <= EVERYWHERE_LIMIT.free


def test_however_many_networks_there_are_an_account_is_guessed_at_less_than_twice_a_minute() -> (
    None
):
    assert most_within(EVERYWHERE_LIMIT, HOUR) < 120


def test_no_limit_forgets_while_somebody_waits() -> None:
    for limit in (ACCOUNT_LIMIT, EVERYWHERE_LIMIT, ADDRESS_LIMIT, SITE_LIMIT):
        longest = Failures(limit.free + 1000 * limit.at_once, NOON)
        assert wait_of(limit, longest, NOON) == limit.longest_wait < limit.forgotten_after
