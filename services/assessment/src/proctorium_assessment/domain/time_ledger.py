"""The time ledger (`A5`): an append-only list of entries, from which the remaining time of an attempt is computed.

The clock of an attempt runs from the entry `STARTED`. The clock is stopped during a pause, a break or an outage. The
spent time is computed from the times of the entries. No process counts the time, so a pause also works while the
learner is offline.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

_NO_TIME = timedelta()


class EntryKind(StrEnum):
    """The kinds of ledger entries."""

    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    BREAK_STARTED = "break_started"
    BREAK_ENDED = "break_ended"
    OUTAGE_STARTED = "outage_started"
    OUTAGE_ENDED = "outage_ended"
    EXTRA = "extra"


_ENDS = {
    EntryKind.RESUMED: EntryKind.PAUSED,
    EntryKind.BREAK_ENDED: EntryKind.BREAK_STARTED,
    EntryKind.OUTAGE_ENDED: EntryKind.OUTAGE_STARTED,
}
"""The start entry that each end entry belongs to, such as `PAUSED` for `RESUMED`.

An end entry changes nothing if the clock is not stopped by its start entry.
"""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry of the ledger.

    `amount` is the extra time that an `EXTRA` entry grants. It is None in an entry of any other kind.
    """

    kind: EntryKind
    at: datetime
    amount: timedelta = _NO_TIME


@dataclass(frozen=True, slots=True)
class TimeBalance:
    """The sum of the entries of a ledger.

    `spent` is the time for which the clock ran until its last stop. `granted` is the extra time. `running_since` is the
    time at which the clock started to run after its last stop, or None while the clock is stopped.
    """

    spent: timedelta = _NO_TIME
    granted: timedelta = _NO_TIME
    running_since: datetime | None = None

    def spent_at(self, now: datetime) -> timedelta:
        """Return the time for which the clock has run until `now`."""
        return self.spent + (
            max(now - self.running_since, _NO_TIME) if self.running_since is not None else _NO_TIME
        )

    def deadline(self, limit: timedelta | None) -> datetime | None:
        """Return the deadline for the time limit `limit`, or None if there is no limit or the clock is stopped."""
        if limit is None or self.running_since is None:
            return None
        return self.running_since + (limit + self.granted - self.spent)

    def remaining(self, limit: timedelta | None, now: datetime) -> timedelta | None:
        """Return the remaining time at `now`, or None if there is no limit. The remaining time is never negative."""
        if limit is None:
            return None
        return max(limit + self.granted - self.spent_at(now), _NO_TIME)


def compute_balance(entries: Iterable[LedgerEntry]) -> TimeBalance:
    """Return the sum of the entries.

    The entries are applied in the order of their times. Entries with the same time are applied in the given order.
    """
    spent, granted = _NO_TIME, _NO_TIME
    running_since: datetime | None = None
    started = False
    stops: set[EntryKind] = set()
    for entry in sorted(entries, key=lambda entry: entry.at):
        if entry.kind is EntryKind.EXTRA:
            granted += entry.amount
            continue
        started = started or entry.kind is EntryKind.STARTED
        _update_stops(stops, entry.kind)
        running = started and not stops
        if running and running_since is None:
            running_since = entry.at
        elif not running and running_since is not None:
            spent += entry.at - running_since
            running_since = None
    return TimeBalance(spent, granted, running_since)


def compute_deadline(limit: timedelta | None, entries: Sequence[LedgerEntry]) -> datetime | None:
    """Return the deadline of an attempt, or None if the attempt has no time limit or the clock is stopped."""
    return compute_balance(entries).deadline(limit)


def _update_stops(stops: set[EntryKind], kind: EntryKind) -> None:
    if kind in _ENDS:
        stops.discard(_ENDS[kind])
    elif kind is not EntryKind.STARTED:
        stops.add(kind)
