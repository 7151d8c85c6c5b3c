"""How often somebody may try to guess: some attempts are free, then each failure makes the next wait longer (`C4`).

Passwords and enrollment codes share it. A failure is forgotten after a while without further ones, and by success.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Network, ip_address, ip_network
from math import ceil

from proctorium_common.errors import ServiceError, exhausted

NO_WAIT = timedelta(0)
_EARLIER_KEPT = 15
"""More than ever are under way at once for one subject, with two that have a turn in each replica."""


@dataclass(frozen=True)
class Limit:
    """After `free` failures the next attempt waits for `first_wait`, then twice as long each time, at most `longest_wait`.

    Each wait that is over admits `at_once` attempts: where many share a limit, whoever is first does not make all others wait anew.
    `forgotten_after` is longer than `longest_wait`, or waiting would be enough to start anew.
    """

    free: int
    first_wait: timedelta
    longest_wait: timedelta
    forgotten_after: timedelta
    at_once: int = 1


@dataclass(frozen=True)
class Failures:
    """How often somebody failed, when last, and when the last times before that, newest first."""

    count: int
    last_time: datetime
    earlier: tuple[datetime, ...] = ()


def wait_of(limit: Limit, failures: Failures | None, now: datetime) -> timedelta:
    """How long the next attempt has to wait from `now`; NO_WAIT when it may be made."""
    failures = _remembered(limit, failures, now)
    if failures is None or failures.count < limit.free:
        return NO_WAIT
    waits, since = divmod(failures.count - limit.free, limit.at_once)
    if since:
        return NO_WAIT
    # The exponent is bounded so that the product stays a timedelta.
    wait = min(limit.first_wait * (1 << min(waits, 30)), limit.longest_wait)
    return max(NO_WAIT, failures.last_time + wait - now)


def after_failure(limit: Limit, failures: Failures | None, now: datetime) -> Failures:
    """The failures when one more has happened at `now`."""
    failures = _remembered(limit, failures, now)
    if failures is None:
        return Failures(1, now)
    return Failures(
        failures.count + 1, now, (failures.last_time, *failures.earlier)[:_EARLIER_KEPT]
    )


def without(failures: Failures | None, time: datetime) -> Failures | None:
    """The failures when the one at `time` was none: those of others stay, with their times, as if it had not been."""
    if failures is None or failures.count == 1:
        return None
    times = [failures.last_time, *failures.earlier]
    if time in times and len(times) > 1:
        times.remove(time)
    return Failures(failures.count - 1, times[0], tuple(times[1:]))


def recent(limit: Limit, failures: Failures | None, now: datetime) -> int:
    """How many failures are not forgotten."""
    failures = _remembered(limit, failures, now)
    return 0 if failures is None else failures.count


def network_of(address: str) -> str:
    """What is limited where attempts come from `address`: the address itself; of IPv6 the 64 bits that one household or room shares."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped) if mapped is not None else str(ip_network((found, 64), strict=False))


def site_of(network: str) -> str | None:
    """The 48 bits of IPv6 that one customer of a provider may have, with 65,536 networks; None for a network that is not part of such."""
    try:
        found = ip_network(network)
    except ValueError:
        return None
    return str(found.supernet(new_prefix=48)) if isinstance(found, IPv6Network) else None


def too_many_attempts(wait: timedelta) -> ServiceError:
    """TOO_MANY_ATTEMPTS that says when to try again."""
    seconds = max(1, ceil(wait.total_seconds()))
    again = _counted(seconds, "second") if seconds < 120 else _counted(ceil(seconds / 60), "minute")
    return exhausted(
        "TOO_MANY_ATTEMPTS",
        f"There were too many failed attempts. Please wait {again} and try again; if you are in a hurry, ask your administrator.",
        retry_after=max(wait, timedelta(seconds=1)),
    )


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _remembered(limit: Limit, failures: Failures | None, now: datetime) -> Failures | None:
    if failures is None or now - failures.last_time >= limit.forgotten_after:
        return None
    return failures
