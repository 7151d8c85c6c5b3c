"""Counting failed attempts, durably and for all replicas (`C4`).

A failure is counted in a transaction that commits although the call is refused: whoever calls `count` raises after the commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain import attempt_limits
from proctorium_enrollment.domain.attempt_limits import Failures, Limit
from proctorium_enrollment.storage import attempt_limits as storage
from proctorium_enrollment.storage.attempt_limits import Subject
from proctorium_enrollment.storage.sealing import Seal


@dataclass(frozen=True)
class Counted:
    """Whose attempts are counted, and how many are free."""

    subject: Subject
    limit: Limit


@dataclass(frozen=True)
class Standing:
    """The failures of some, and what follows from them at a moment."""

    failures: Mapping[Subject, Failures]
    now: datetime

    def wait(self, counted: Counted) -> timedelta:
        """How long the next attempt has to wait; NO_WAIT when it may be made."""
        return attempt_limits.wait_of(counted.limit, self.failures.get(counted.subject), self.now)

    def recent(self, counted: Counted) -> int:
        """How many failures are not forgotten."""
        return attempt_limits.recent(counted.limit, self.failures.get(counted.subject), self.now)


@dataclass(frozen=True)
class Tally:
    """One failure that was counted, and when."""

    counted: Counted
    time: datetime


class Attempts:
    """The attempts at one thing, such as signing in."""

    def __init__(self, seal: Seal, purpose: str) -> None:
        self._seal = seal
        self._purpose = purpose

    def of(self, kind: str, name: str, limit: Limit) -> Counted:
        """The attempts of one account, person or address (`kind`) with this name."""
        purpose = f"{self._purpose}_{kind}"
        return Counted(Subject(purpose, self._seal.mark(f"{purpose}:{name}")), limit)


async def lock(tx: Transaction, *counted: Counted) -> None:
    """Makes whoever attempts the same wait until this transaction ends."""
    await storage.lock(tx, *(one.subject for one in counted))


async def standing(tx: Transaction, *counted: Counted) -> Standing:
    """How each stands at the moment."""
    return Standing(await storage.find(tx, {one.subject for one in counted}), tx.now)


async def count(tx: Transaction, counted: Counted) -> Tally:
    """Counts one failure; lock it first."""
    before = (await storage.find(tx, [counted.subject])).get(counted.subject)
    after = attempt_limits.after_failure(counted.limit, before, tx.now)
    await storage.save(tx, counted.subject, after)
    return Tally(counted, tx.now)


async def take_back(tx: Transaction, tally: Tally) -> None:
    """Takes a failure back that was none; those of others stay."""
    subject = tally.counted.subject
    await storage.lock(tx, subject)
    found = (await storage.find(tx, [subject])).get(subject)
    left = attempt_limits.without(found, tally.time)
    if left is None:
        await storage.forget(tx, subject)
    else:
        await storage.save(tx, subject, left)


async def forget(tx: Transaction, counted: Counted) -> None:
    """Forgets the failures: it has succeeded."""
    await storage.forget(tx, counted.subject)
