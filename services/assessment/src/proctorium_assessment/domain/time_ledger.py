"""The time ledger (`A5`): how much time a learner has is computed from what happened, and what happened is never changed.

The clock runs from `STARTED`; it stands while at least one stop is open (a pause, a break that stops it, an outage). Pausing
works while the learner is offline, because nothing is counted: what was not running was not spent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

_NO_TIME = timedelta()


class Mark(Enum):
    """What happened to the clock. Kept in the database by value."""

    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    BREAK_STARTED = "break-started"
    BREAK_ENDED = "break-ended"
    OUTAGE_STARTED = "outage-started"
    OUTAGE_ENDED = "outage-ended"
    EXTRA = "extra"


_ENDS = {
    Mark.RESUMED: Mark.PAUSED,
    Mark.BREAK_ENDED: Mark.BREAK_STARTED,
    Mark.OUTAGE_ENDED: Mark.OUTAGE_STARTED,
}
"""Each end and the stop that it ends; ending what is not open changes nothing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger; `amount` is the time granted, for `EXTRA` alone."""

    mark: Mark
    at: datetime
    amount: timedelta = _NO_TIME


@dataclass(frozen=True, slots=True)
class TimeAccount:
    """What the ledger comes to.

    `spent` is the time the clock ran until `since`; from there it runs on, or stands if `since` is None. `granted` is all
    extra time.
    """

    spent: timedelta = _NO_TIME
    granted: timedelta = _NO_TIME
    since: datetime | None = None

    def spent_at(self, now: datetime) -> timedelta:
        """How long the clock has run until `now`."""
        return self.spent + (
            max(now - self.since, _NO_TIME) if self.since is not None else _NO_TIME
        )

    def deadline(self, limit: timedelta | None) -> datetime | None:
        """When the time is over; None where there is no limit or the clock stands."""
        if limit is None or self.since is None:
            return None
        return self.since + (limit + self.granted - self.spent)

    def remaining(self, limit: timedelta | None, now: datetime) -> timedelta | None:
        """How much time is left at `now`, never negative; None where there is no limit."""
        if limit is None:
            return None
        return max(limit + self.granted - self.spent_at(now), _NO_TIME)


def add_up(entries: Iterable[Entry]) -> TimeAccount:
    """What the ledger comes to; lines count by their time, those of one moment in their order."""
    spent, granted = _NO_TIME, _NO_TIME
    since: datetime | None = None
    started = False
    stops: set[Mark] = set()
    for entry in sorted(entries, key=lambda entry: entry.at):
        if entry.mark is Mark.EXTRA:
            granted += entry.amount
            continue
        started = started or entry.mark is Mark.STARTED
        _apply(entry.mark, stops)
        running = started and not stops
        if running and since is None:
            since = entry.at
        elif not running and since is not None:
            spent += entry.at - since
            since = None
    return TimeAccount(spent, granted, since)


def deadline(limit: timedelta | None, entries: Sequence[Entry]) -> datetime | None:
    """When the time of an attempt with `limit` and this ledger is over; None: never, as things stand."""
    return add_up(entries).deadline(limit)


def _apply(mark: Mark, stops: set[Mark]) -> None:
    if mark in _ENDS:
        stops.discard(_ENDS[mark])
    elif mark is not Mark.STARTED:
        stops.add(mark)
