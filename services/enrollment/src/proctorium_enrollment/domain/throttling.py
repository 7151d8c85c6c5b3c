"""Throttling of failed sign-ins and failed code entries by exponential backoff (`C4`, ADR 9)."""

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
"""Failures are counted for this long from the first one, and longer only while a wait lasts."""
IPV6_PREFIX = 48
"""The part of an IPv6 address that counts as a network: one customer of a provider may have all of it."""

# How many failures cause no wait. Each further one doubles the wait before the next entry.
FREE_OF_DEVICE = 5
"""Failed sign-ins to one account from one browser with a device cookie for it."""
FREE_OF_NETWORK = 5
"""Failed sign-ins to one account from one network."""
FREE_OF_ACCOUNT = 50
"""Failed sign-ins to one account from all networks."""
FREE_OF_PERSON = 5
"""Failed code entries of one person; also wrong current passwords of one person."""
FREE_CODES_OF_NETWORK = 30
"""Failed code entries of all people in one network. A whole class may share it."""
OWN_BEFORE_NETWORK = 2
"""How many failed code entries a person must have before those of their network make them wait."""
ACCOUNTS_OF_DEVICE = 8
"""The number of accounts that a device cookie holds: the most recent ones."""


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures that are counted for one key."""

    count: int
    first_at: datetime
    retry_at: datetime
    """When the next entry may be made."""

    def has_expired(self, now: datetime) -> bool:
        """Return whether the failures no longer count."""
        return now >= max(self.first_at + WINDOW, self.retry_at)


def count_of(failures: Failures | None, now: datetime) -> int:
    """Return how many failures count."""
    return 0 if failures is None or failures.has_expired(now) else failures.count


def wait_of(failures: Failures | None, now: datetime) -> timedelta:
    """Return how long the next entry has to wait; NO_WAIT if it may be made."""
    return NO_WAIT if failures is None else max(NO_WAIT, failures.retry_at - now)


def code_entry_wait(person: Failures | None, network: Failures | None, now: datetime) -> timedelta:
    """Return how long a person must wait to enter a code; failures of others alone never make them wait."""
    own = wait_of(person, now)
    return own if count_of(person, now) < OWN_BEFORE_NETWORK else max(own, wait_of(network, now))


def after_failure(failures: Failures | None, free: int, now: datetime) -> Failures:
    """Return `failures` with one more failure counted."""
    if failures is None or failures.has_expired(now):
        failures = Failures(0, now, now)
    beyond = failures.count + 1 - free
    # The exponent is bounded so that the product stays a timedelta.
    wait = NO_WAIT if beyond < 0 else min(FIRST_WAIT * (1 << min(beyond, 30)), LONGEST_WAIT)
    return Failures(failures.count + 1, failures.first_at, now + wait)


def without(failures: Failures | None, charged: Failures, now: datetime) -> Failures | None:
    """Return `failures` without the failure that was `charged` in advance for a sign-in that succeeded."""
    if failures is None or failures.count == 1:
        return None
    # If no other failure was counted since, its wait is removed too.
    retry_at = now if failures.retry_at == charged.retry_at else failures.retry_at
    return replace(failures, count=failures.count - 1, retry_at=retry_at)


@dataclass(frozen=True, slots=True)
class Device:
    """A browser with a device cookie: its random ID and keyed hashes of its accounts, the latest sign-in first."""

    device_id: str
    accounts: tuple[str, ...] = ()

    def with_account(self, account: str) -> Device:
        """Return the device after `account` has signed in there."""
        others = [each for each in self.accounts if each != account]
        return replace(self, accounts=(account, *others)[:ACCOUNTS_OF_DEVICE])


def network_of(address: str) -> str:
    """Return the network of `address`: an IPv4 address, or the first bits of an IPv6 address."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped or ip_network((found, IPV6_PREFIX), strict=False))


def too_many_failed_sign_ins(wait: timedelta) -> ServiceError:
    """Return TOO_MANY_FAILED_SIGN_INS, with the time to retry after."""
    seconds = max(1, ceil(wait.total_seconds()))
    time = _counted(seconds, "second") if seconds < 120 else _counted(ceil(seconds / 60), "minute")
    return exhausted(
        "TOO_MANY_FAILED_SIGN_INS",
        f"There were too many failed sign-ins. Please wait {time} and try again; if you are in a hurry, ask your administrator.",
        retry_after=max(wait, timedelta(seconds=1)),
    )


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
