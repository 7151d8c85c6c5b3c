"""The time ledger (`A5`): the entries from which the remaining time and the deadline of an attempt are computed.

The ledger of an attempt has the start of the attempt, the entries of the attempt's session and participant, and the
accommodations of the learner. A stop is a period in which the clock is stopped, such as a pause. A stop with a limit
is bounded: after the limit, the clock runs again, even if the stop has not been ended. An outage is a stop whose
limit applies to all outages of the attempt together. The clock starts to run with the attempt, and is stopped while
one or more stops apply. No process measures the spent time. It is computed from the times of the entries, so the order
in which the entries arrive does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

_NO_TIME = timedelta()


class EntryKind(StrEnum):
    """The kinds of ledger entries."""

    PAUSED = "paused"
    OUTAGE = "outage"
    RESUMED = "resumed"
    EXTRA_TIME = "extra_time"
    ACCOMMODATION = "accommodation"


_STARTS = frozenset({EntryKind.PAUSED, EntryKind.OUTAGE})
_RANKS = {kind: rank for rank, kind in enumerate(EntryKind)}


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry of the ledger.

    `entry_id` is the id of the stop that a `PAUSED` or `OUTAGE` entry starts and a `RESUMED` entry ends, or the id of a
    grant of extra time. `at` is the time of the command, or the time at which the outage started. `amount` is the
    granted time of an `EXTRA_TIME` entry. A negative amount takes time back. An entry of any other kind has no amount.
    `percent` is the extra time of an `ACCOMMODATION` entry, in per cent of the time limit. `limit` is the longest time
    for which the stop of a `PAUSED` entry stops the clock, or None if the stop has no limit. A stop with the limit zero
    does not stop the clock. The `limit` of an `OUTAGE` entry is the maximum time for which all outages of the attempt
    together stop the clock. `hides_questions` is False if the questions stay visible during the stop of a `PAUSED`
    entry.
    """

    entry_id: UUID
    kind: EntryKind
    at: datetime
    amount: timedelta = _NO_TIME
    percent: int = 0
    limit: timedelta | None = None
    hides_questions: bool = True

    @property
    def limit_end(self) -> datetime | None:
        """The time after which a stop no longer stops the clock, or None if the stop has no limit."""
        return None if self.limit is None else self.at + self.limit


@dataclass(frozen=True, slots=True)
class TimeBalance:
    """The time of an attempt after all entries of its ledger.

    `limit` is the time limit without extra time, or None if there is no limit. `percent` is the extra time of the
    learner's accommodations in per cent of the limit. `spent` is the time for which the clock ran until the last entry.
    `granted` is the extra time. `running_since` is the time from which the clock runs, or None if the clock is stopped
    without a limit. During a bounded stop, `running_since` is in the future. `open_stops` contains the `PAUSED` entries
    of the stops that have no `RESUMED` entry, by id. `open_outages` contains the `OUTAGE` entries of the outages that
    have no `RESUMED` entry, by id. `returned` is the time that was given back for outages: the total time, until the
    last entry, in which the clock was stopped by outages and by nothing else. `outage_since` is the time from which the
    clock is stopped by open outages and by nothing else, or None if no outage is open or the clock is stopped without a
    limit.
    """

    limit: timedelta | None
    is_started: bool = False
    spent: timedelta = _NO_TIME
    granted: timedelta = _NO_TIME
    percent: int = 0
    running_since: datetime | None = None
    open_stops: Mapping[UUID, LedgerEntry] = field(default_factory=dict)
    open_outages: Mapping[UUID, LedgerEntry] = field(default_factory=dict)
    returned: timedelta = _NO_TIME
    outage_since: datetime | None = None

    @property
    def is_paused(self) -> bool:
        """Whether a stop without a limit is open. A stop can also be open before the start of the attempt."""
        return any(stop.limit is None for stop in self.open_stops.values())

    @property
    def is_on_break(self) -> bool:
        """Whether a stop with a limit is open. A stop whose limit has passed is open until its `RESUMED` entry.

        An outage is no such stop: it does not hide the questions.
        """
        return any(stop.limit is not None for stop in self.open_stops.values())

    @property
    def are_questions_hidden(self) -> bool:
        """Whether an open stop hides the questions."""
        return any(stop.hides_questions for stop in self.open_stops.values())

    @property
    def stopped_until(self) -> datetime | None:
        """The time at which the clock runs again although a stop or an outage is still open.

        None if none is open, if an open stop has no limit, or before the start of the attempt.
        """
        return self.running_since if self.open_stops or self.open_outages else None

    @property
    def deadline(self) -> datetime | None:
        """The time at which no time remains, or None if there is no time limit or a stop without a limit is open."""
        if self.running_since is None or (unspent := self.unspent) is None:
            return None
        return self.running_since + unspent

    @property
    def unspent(self) -> timedelta | None:
        """The time that remained at the last entry, or None if there is no limit."""
        if self.limit is None:
            return None
        return extended(self.limit, self.percent) + self.granted - self.spent

    def spent_at(self, now: datetime) -> timedelta:
        """Return the time for which the clock has run until `now`."""
        if self.running_since is None:
            return self.spent
        return self.spent + max(now - self.running_since, _NO_TIME)

    def returned_at(self, now: datetime) -> timedelta:
        """Return the time in which the clock was stopped by outages and by nothing else until `now`."""
        if self.outage_since is None or self.running_since is None:
            return self.returned
        until = min(now, self.running_since)
        return self.returned + max(until - self.outage_since, _NO_TIME)

    def remaining(self, now: datetime) -> timedelta | None:
        """Return the remaining time at `now`, or None if there is no limit. The remaining time is never negative."""
        unspent = self.unspent
        if unspent is None:
            return None
        return max(unspent - (self.spent_at(now) - self.spent), _NO_TIME)


def open_stops(entries: Iterable[LedgerEntry]) -> Sequence[LedgerEntry]:
    """Return the `PAUSED` entries of the stops that have no `RESUMED` entry, in the order of their times."""
    entries = _in_order(entries)
    ended = {entry.entry_id for entry in entries if entry.kind is EntryKind.RESUMED}
    return [
        entry for entry in entries if entry.kind is EntryKind.PAUSED and entry.entry_id not in ended
    ]


def extended(limit: timedelta, percent: int) -> timedelta:
    """Return the time limit after it is extended by `percent` per cent."""
    return limit * (100 + percent) // 100


def compute_balance(
    limit: timedelta | None,
    started_at: datetime | None,
    entries: Iterable[LedgerEntry],
    least_percent: int = 0,
) -> TimeBalance:
    """Return the time of an attempt. `started_at` is None before the start of the attempt.

    Stops that overlap count once. A stop with a limit never stops the clock for longer than its limit. Time in which
    another stop stops the clock does not count towards the limit of outages. An outage that did not start after the
    start of the attempt changes nothing. The end of a stop changes nothing if the ledger does not contain the start of
    the stop. Entries after the deadline change nothing, because the attempt was over at their time. A started attempt
    has at least `least_percent` of extra time from accommodations.
    """
    ordered = _in_order(entries)
    balance = TimeBalance(limit)
    before = [entry for entry in ordered if started_at is None or entry.at <= started_at]
    for entry in before:
        balance = _after_entry(balance, entry)
    if started_at is not None:
        balance = replace(balance, is_started=True, percent=max(balance.percent, least_percent))
        balance = _after_stops(balance, balance.open_stops, started_at)
    for entry in ordered[len(before) :]:
        if balance.deadline is not None and balance.deadline < entry.at:
            break
        balance = _after_entry(balance, entry)
    return balance


def _in_order(entries: Iterable[LedgerEntry]) -> Sequence[LedgerEntry]:
    """Return the entries in the order of their times, without repeated entries and without ends of unknown stops.

    Entries with the same time are in the order of their kinds. Extra time is granted before extra time is taken back.
    The order of their commands would have the same effect, unless extra time is taken back while the learner uses it.
    """
    unique = set(entries)
    starts = {entry.entry_id: entry.at for entry in unique if entry.kind in _STARTS}
    known = [
        replace(entry, at=max(entry.at, starts[entry.entry_id]))
        if entry.kind is EntryKind.RESUMED
        else entry
        for entry in unique
        if entry.kind is not EntryKind.RESUMED or entry.entry_id in starts
    ]
    return sorted(known, key=lambda each: (each.at, _RANKS[each.kind], -each.amount, each.entry_id))


def _after_entry(balance: TimeBalance, entry: LedgerEntry) -> TimeBalance:
    match entry.kind:
        case EntryKind.PAUSED:
            return _after_stops(balance, {**balance.open_stops, entry.entry_id: entry}, entry.at)
        case EntryKind.OUTAGE if not balance.is_started:
            return balance
        case EntryKind.OUTAGE:
            outages = {**balance.open_outages, entry.entry_id: entry}
            return _after_stops(balance, balance.open_stops, entry.at, outages)
        case EntryKind.RESUMED:
            return _after_stops(
                balance,
                _without(balance.open_stops, entry.entry_id),
                entry.at,
                _without(balance.open_outages, entry.entry_id),
            )
        case EntryKind.EXTRA_TIME:
            return _after_grant(balance, entry)
        case EntryKind.ACCOMMODATION:
            return _after_accommodation(balance, entry)


def _without(stops: Mapping[UUID, LedgerEntry], entry_id: UUID) -> Mapping[UUID, LedgerEntry]:
    return {each: start for each, start in stops.items() if each != entry_id}


def _after_stops(
    balance: TimeBalance,
    stops: Mapping[UUID, LedgerEntry],
    at: datetime,
    outages: Mapping[UUID, LedgerEntry] | None = None,
) -> TimeBalance:
    """Return the balance at the time `at`, from which the stops `stops` and the outages `outages` are open.

    If `outages` is None, the open outages do not change.
    """
    outages = balance.open_outages if outages is None else outages
    returned = balance.returned_at(at)
    ends = [stop.limit_end for stop in stops.values() if stop.limit_end is not None]
    is_running = balance.is_started and len(ends) == len(stops)
    runs_from = max([at, *ends]) if is_running else None
    limit = max((each.limit or _NO_TIME for each in outages.values()), default=_NO_TIME)
    left = max(limit - returned, _NO_TIME)
    return replace(
        balance,
        spent=balance.spent_at(at),
        running_since=None if runs_from is None else runs_from + left,
        open_stops=stops,
        open_outages=outages,
        returned=returned,
        outage_since=runs_from if outages else None,
    )


def _after_grant(balance: TimeBalance, entry: LedgerEntry) -> TimeBalance:
    """Return the balance after extra time is granted or taken back.

    An attempt first uses up the time limit, extended by accommodations, and only then the granted extra time. Only
    granted time that has not been used yet can be taken back.
    """
    remaining = balance.remaining(entry.at)
    unused = balance.granted if remaining is None else min(balance.granted, remaining)
    return replace(balance, granted=balance.granted + max(entry.amount, -unused))


def _after_accommodation(balance: TimeBalance, entry: LedgerEntry) -> TimeBalance:
    """Return the balance after the learner's accommodations change.

    A change that would reduce the time of a started attempt has no effect on this attempt.
    """
    percent = max(balance.percent, entry.percent) if balance.is_started else entry.percent
    return replace(balance, percent=percent)
