"""Counting failed attempts, durably and for all replicas (`C4`).

A failure is counted in a transaction that commits although the call is refused: whoever calls these functions raises after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain import attempt_limits
from proctorium_enrollment.domain.attempt_limits import NO_WAIT, Limit
from proctorium_enrollment.storage import attempt_limits as storage
from proctorium_enrollment.storage.attempt_limits import Subject
from proctorium_enrollment.storage.sealing import Seal


@dataclass(frozen=True)
class Counted:
    """Whose attempts are counted, and how many are free."""

    subject: Subject
    limit: Limit


class Attempts:
    """The attempts at one thing, such as signing in."""

    def __init__(self, seal: Seal, purpose: str) -> None:
        self._seal = seal
        self._purpose = purpose

    def of(self, kind: str, name: str, limit: Limit) -> Counted:
        """The attempts of one account, person or address (`kind`) with this name."""
        purpose = f"{self._purpose}_{kind}"
        return Counted(Subject(purpose, self._seal.mark(f"{purpose}:{name}")), limit)


async def lock(tx: Transaction, counted: Counted) -> None:
    """Makes whoever attempts the same wait until this transaction ends."""
    await storage.lock(tx, counted.subject)


async def waits(tx: Transaction, *counted: Counted) -> list[timedelta]:
    """How long each has to wait, in the order given."""
    found = await storage.find(tx, [one.subject for one in counted])
    return [attempt_limits.wait_of(one.limit, found.get(one.subject), tx.now) for one in counted]


async def recent(tx: Transaction, counted: Counted) -> int:
    """How many failures are not forgotten."""
    found = await storage.find(tx, [counted.subject])
    return attempt_limits.recent(counted.limit, found.get(counted.subject), tx.now)


async def count(tx: Transaction, counted: Counted) -> None:
    """Counts one failure; lock it first."""
    found = await storage.find(tx, [counted.subject])
    failures = attempt_limits.after_failure(counted.limit, found.get(counted.subject), tx.now)
    await storage.save(tx, counted.subject, failures)


async def forget(tx: Transaction, counted: Counted) -> None:
    """Forgets the failures: it has succeeded."""
    await storage.forget(tx, counted.subject)


def refuse_waiting(waits: list[timedelta]) -> None:
    """Raises TOO_MANY_ATTEMPTS when any has to wait."""
    wait = max(waits, default=NO_WAIT)
    if wait > NO_WAIT:
        raise attempt_limits.too_many_attempts(wait)
