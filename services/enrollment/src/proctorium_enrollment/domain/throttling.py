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
"""The time for which failures are counted, from the first failure. A wait that ends later extends this time."""
IPV6_PREFIX = 48
"""The prefix length of an IPv6 network. A provider may assign a network of this size to one customer."""

# Each of the following constants is a number of failures. The caller has to wait after that many failures, and each
# further failure doubles the wait.
FREE_OF_DEVICE = 5
"""The limit for failed sign-ins to one account from one browser with a device cookie of that account."""
FREE_OF_NETWORK = 5
"""The limit for failed sign-ins to one account from one network."""
FREE_OF_ACCOUNT = 50
"""The limit for failed sign-ins to one account from all networks together."""
FREE_OF_PERSON = 5
"""The limit for failed code entries of one person, and separately for wrong current passwords of one person."""
FREE_CODES_OF_NETWORK = 30
"""The limit for failed code entries of all people in one network. A whole class may share a network."""
OWN_BEFORE_NETWORK = 2
"""A person with fewer failed code entries of their own does not wait because of failures in the person's network."""
ACCOUNTS_OF_DEVICE = 8
"""The maximum number of accounts in a device cookie. The accounts with the oldest sign-ins are dropped."""


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures that are counted under one key."""

    count: int
    first_at: datetime
    retry_at: datetime
    """The time from which the next sign-in or code entry is allowed."""

    def has_expired(self, now: datetime) -> bool:
        """Return whether the failures are too old to be counted at `now`."""
        return now >= max(self.first_at + WINDOW, self.retry_at)


def count_of(failures: Failures | None, now: datetime) -> int:
    """Return the number of failures that have not expired at `now`; 0 for None."""
    return 0 if failures is None or failures.has_expired(now) else failures.count


def wait_of(failures: Failures | None, now: datetime) -> timedelta:
    """Return the time until the next sign-in or code entry is allowed; NO_WAIT if it is allowed now."""
    return NO_WAIT if failures is None else max(NO_WAIT, failures.retry_at - now)


def code_entry_wait(person: Failures | None, network: Failures | None, now: datetime) -> timedelta:
    """Return the time that a person has to wait before they may enter a code.

    The failures of the network count only for a person with at least `OWN_BEFORE_NETWORK` failures.
    """
    own = wait_of(person, now)
    return own if count_of(person, now) < OWN_BEFORE_NETWORK else max(own, wait_of(network, now))


def after_failure(failures: Failures | None, free: int, now: datetime) -> Failures:
    """Return `failures` with one more failure.

    The caller has to wait if there are now at least `free` failures.
    """
    if failures is None or failures.has_expired(now):
        failures = Failures(0, now, now)
    beyond = failures.count + 1 - free
    # The exponent is bounded, because the product with a larger exponent would overflow a timedelta.
    wait = NO_WAIT if beyond < 0 else min(FIRST_WAIT * (1 << min(beyond, 30)), LONGEST_WAIT)
    return Failures(failures.count + 1, failures.first_at, now + wait)


def without(failures: Failures | None, charged: Failures, now: datetime) -> Failures | None:
    """Return `failures` without one failure.

    A sign-in is counted as failed before its password is verified. If the sign-in succeeds, this function removes that
    failure. `charged` is the state of the failures directly after that failure was counted. Returns None if no failure
    remains.
    """
    if failures is None or failures.count == 1:
        return None
    # The wait is removed too if no further failure was counted after `charged`.
    retry_at = now if failures.retry_at == charged.retry_at else failures.retry_at
    return replace(failures, count=failures.count - 1, retry_at=retry_at)


@dataclass(frozen=True, slots=True)
class Device:
    """A browser with a device cookie.

    The cookie contains a random ID of the browser, and keyed hashes of the accounts that signed in on it. The account
    with the most recent sign-in is first.
    """

    device_id: str
    accounts: tuple[str, ...] = ()

    def with_account(self, account: str) -> Device:
        """Return a copy of the device in which `account` has the most recent sign-in."""
        others = [each for each in self.accounts if each != account]
        return replace(self, accounts=(account, *others)[:ACCOUNTS_OF_DEVICE])


def network_of(address: str) -> str:
    """Return the network of `address`.

    The network is the IPv4 address itself, or the prefix of an IPv6 address. If `address` is not an IP address, return
    it unchanged.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped or ip_network((found, IPV6_PREFIX), strict=False))


def too_many_failed_sign_ins(wait: timedelta) -> ServiceError:
    """Return the error TOO_MANY_FAILED_SIGN_INS, with the time to wait before a retry."""
    seconds = max(1, ceil(wait.total_seconds()))
    time = _counted(seconds, "second") if seconds < 120 else _counted(ceil(seconds / 60), "minute")
    return exhausted(
        "TOO_MANY_FAILED_SIGN_INS",
        f"There were too many failed sign-ins. Please wait {time} and try again; if you are in a hurry, ask your administrator.",
        retry_after=max(wait, timedelta(seconds=1)),
    )


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
