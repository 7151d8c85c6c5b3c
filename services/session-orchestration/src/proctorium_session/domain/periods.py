"""Periods of time: the time that they cover together, and the gaps between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Period:
    """A period of time. `end` is None if the period has not ended."""

    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class PeriodTotal:
    """A number of periods, and the time that they cover together."""

    count: int = 0
    total: timedelta = timedelta()


NO_PERIODS = PeriodTotal()
"""The total of no periods."""


def total_of(periods: Iterable[Period], within: Sequence[Period], now: datetime) -> PeriodTotal:
    """Return the number of the periods that overlap with `within`, and the time that they cover together.

    In the total, time outside `within` does not count, and time in several periods counts once. A period that overlaps
    with several periods of `within` is counted once. A period without an end lasts until `now`.
    """
    overlaps = [
        [_overlap(each, part, now) for part in within if _overlaps(each, part, now)]
        for each in periods
    ]
    covered = sorted(overlap for parts in overlaps for overlap in parts)
    total, covered_until = timedelta(), covered[0][0] if covered else now
    for start, end in covered:
        total += max(timedelta(), end - max(start, covered_until))
        covered_until = max(covered_until, end)
    return PeriodTotal(sum(1 for parts in overlaps if parts), total)


def gaps_of(changes: Iterable[tuple[datetime, bool]]) -> list[Period]:
    """Return the periods from each change to False until the next change to True. `changes` are in order."""
    gaps: list[Period] = []
    since: datetime | None = None
    for at, value in changes:
        if value and since is not None:
            gaps.append(Period(since, at))
            since = None
        elif not value and since is None:
            since = at
    return gaps if since is None else [*gaps, Period(since, None)]


def without(period: Period, gaps: Iterable[Period]) -> list[Period]:
    """Return the parts of a period outside of the gaps, in order. After a gap without an end, there is no part."""
    parts: list[Period] = []
    start = period.start
    for gap in sorted(gaps, key=lambda each: each.start):
        if period.end is not None and gap.start >= period.end:
            break
        if gap.start > start:
            parts.append(Period(start, gap.start))
        if gap.end is None:
            return parts
        start = max(start, gap.start, gap.end)
    if period.end is None or start < period.end:
        parts.append(Period(start, period.end))
    return parts


def between(parts: Iterable[Period]) -> list[Period]:
    """Return the periods between parts, which are in order and do not overlap."""
    return [Period(one.end, other.start) for one, other in pairwise(parts) if one.end is not None]


def _overlaps(one: Period, other: Period, now: datetime) -> bool:
    return one.start < _end(other, now) and _end(one, now) > other.start


def _overlap(one: Period, other: Period, now: datetime) -> tuple[datetime, datetime]:
    return max(one.start, other.start), min(_end(one, now), _end(other, now))


def _end(period: Period, now: datetime) -> datetime:
    return now if period.end is None else period.end
