from __future__ import annotations

from datetime import UTC, datetime, timedelta

from proctorium_enrollment.domain.attempt_limits import Failures, Limit, after_failure, wait_of
from proctorium_enrollment.operations.accounts import ACCOUNT_LIMIT, EVERYWHERE_LIMIT

NOON = datetime(2026, 4, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def most_within(limit: Limit, time: timedelta) -> int:
    """How often somebody can fail who tries again whenever it is allowed."""
    now, failures = NOON, None
    count = 0
    while now < NOON + time:
        failures = after_failure(limit, failures, now)
        now, count = now + wait_of(limit, failures, now), count + 1
    return count


def test_one_network_alone_never_reaches_what_all_together_may() -> None:
    assert 2 * most_within(ACCOUNT_LIMIT, HOUR) <= EVERYWHERE_LIMIT.free


def test_however_many_networks_there_are_an_account_is_guessed_at_less_than_twice_a_minute() -> (
    None
):
    assert most_within(EVERYWHERE_LIMIT, HOUR) < 120


def test_no_limit_forgets_while_somebody_waits() -> None:
    for limit in (ACCOUNT_LIMIT, EVERYWHERE_LIMIT):
        longest = Failures(1000, NOON)
        assert wait_of(limit, longest, NOON) == limit.longest_wait < limit.forgotten_after
