"""Throttling of failed sign-ins and failed code entries, by exponential backoff (`C4`, ADR 9)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from math import ceil

from proctorium_common.errors import ServiceError, exhausted

NO_WAIT = timedelta(0)
FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(minutes=5)
WINDOW = timedelta(hours=1)
"""How long failures are counted, from the first one. A wait that lasts longer extends this period."""
IPV6_PREFIX = 48
"""The prefix length of an IPv6 network. A provider may assign a whole such network to one customer."""

# The numbers of failures from which a wait follows. Each further failure doubles the wait.
FREE_OF_DEVICE = 5
"""For failed sign-ins to one account from one browser with a device cookie of that account."""
FREE_OF_NETWORK = 5
"""For failed sign-ins to one account from one network."""
FREE_OF_ACCOUNT = 50
"""For failed sign-ins to one account from all networks."""
FREE_OF_PERSON = 5
"""For failed code entries of one person, and separately for wrong current passwords of one person."""
FREE_CODES_OF_NETWORK = 30
"""For failed code entries of all people in one network, which a whole class may share."""
OWN_BEFORE_NETWORK = 2
"""The number of own failed code entries from which a person has to wait because of failures in their network."""
ACCOUNTS_OF_DEVICE = 8
"""The number of accounts in a device cookie. Only the most recent ones remain."""


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures that are counted for one key."""

    count: int
    first_at: datetime
    retry_at: datetime
    """When the next sign-in or code entry is allowed."""

    def has_expired(self, now: datetime) -> bool:
        """Return whether the failures are too old to count."""
        return now >= max(self.first_at + WINDOW, self.retry_at)


def count_of(failures: Failures | None, now: datetime) -> int:
    """Return the number of failures that count at `now`."""
    return 0 if failures is None or failures.has_expired(now) else failures.count


def wait_of(failures: Failures | None, now: datetime) -> timedelta:
    """Return how long the next sign-in or code entry has to wait; NO_WAIT if it is allowed now."""
    return NO_WAIT if failures is None else max(NO_WAIT, failures.retry_at - now)


def code_entry_wait(person: Failures | None, network: Failures | None, now: datetime) -> timedelta:
    """Return how long a person has to wait before they enter a code.

    Without enough own failures, the failures of the network do not make a person wait.
    """
    own = wait_of(person, now)
    return own if count_of(person, now) < OWN_BEFORE_NETWORK else max(own, wait_of(network, now))


def after_failure(failures: Failures | None, free: int, now: datetime) -> Failures:
    """Return `failures` with one more failure. A wait follows if there are now at least `free` failures."""
    if failures is None or failures.has_expired(now):
        failures = Failures(0, now, now)
    beyond = failures.count + 1 - free
    # The exponent is bounded, because a larger wait would overflow a timedelta.
    wait = NO_WAIT if beyond < 0 else min(FIRST_WAIT * (1 << min(beyond, 30)), LONGEST_WAIT)
    return Failures(failures.count + 1, failures.first_at, now + wait)


def without(failures: Failures | None, charged: Failures, now: datetime) -> Failures | None:
    """Return `failures` without the failure that was counted in advance for a sign-in that succeeded.

    `charged` is the state directly after that failure was counted.
    """
    if failures is None or failures.count == 1:
        return None
    # The wait is removed too if no other failure was counted since then.
    retry_at = now if failures.retry_at == charged.retry_at else failures.retry_at
    return replace(failures, count=failures.count - 1, retry_at=retry_at)


@dataclass(frozen=True, slots=True)
class Device:
    """A browser with a device cookie: its random ID, and keyed hashes of its accounts, most recent sign-in first."""

    device_id: str
    accounts: tuple[str, ...] = ()

    def with_account(self, account: str) -> Device:
        """Return the device after a sign-in to `account`."""
        others = [each for each in self.accounts if each != account]
        return replace(self, accounts=(account, *others)[:ACCOUNTS_OF_DEVICE])


def network_of(address: str) -> str:
    """Return the network of `address`: the IPv4 address itself, or the prefix of an IPv6 address."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped or ip_network((found, IPV6_PREFIX), strict=False))


def too_many_failed_sign_ins(wait: timedelta) -> ServiceError:
    """Return TOO_MANY_FAILED_SIGN_INS, with the time after which the client may retry."""
    seconds = max(1, ceil(wait.total_seconds()))
    time = _counted(seconds, "second") if seconds < 120 else _counted(ceil(seconds / 60), "minute")
    return exhausted(
        "TOO_MANY_FAILED_SIGN_INS",
        f"There were too many failed sign-ins. Please wait {time} and try again; if you are in a hurry, ask your administrator.",
        retry_after=max(wait, timedelta(seconds=1)),
    )


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
