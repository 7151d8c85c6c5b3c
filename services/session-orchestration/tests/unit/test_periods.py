"""Tests of periods of time: totals, gaps and parts."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_session.domain.periods import (
    Period,
    PeriodTotal,
    between,
    gaps_of,
    total_of,
    without,
)

from .builders import NOON

END = NOON + timedelta(hours=1)
LATER = END + timedelta(days=1)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def period(start: float, end: float | None) -> Period:
    return Period(at(start), None if end is None else at(end))


def covered(periods: list[Period], minute: int) -> bool:
    """Return whether one of the periods contains the minute."""
    return any(each.start <= at(minute) < (each.end or LATER) for each in periods)


MINUTES = st.integers(-30, 90)
PERIODS = st.lists(
    st.tuples(MINUTES, st.none() | st.integers(0, 60)).map(
        lambda each: period(each[0], None if each[1] is None else each[0] + each[1])
    ),
    max_size=8,
)
HOUR = Period(NOON, END)


@given(periods=PERIODS, gaps=PERIODS)
def test_total_is_the_number_of_covered_minutes(periods: list[Period], gaps: list[Period]) -> None:
    minutes = [
        minute for minute in range(60) if covered(periods, minute) and not covered(gaps, minute)
    ]
    within = without(HOUR, gaps)
    assert total_of(periods, within, LATER).total == timedelta(minutes=len(minutes))


@given(periods=PERIODS, order=st.randoms(use_true_random=False))
def test_total_does_not_depend_on_the_order_and_repetition(
    periods: list[Period], order: object
) -> None:
    shuffled = periods * 2
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert total_of(shuffled, [HOUR], LATER).total == total_of(periods, [HOUR], LATER).total


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [(-10, 0, 0), (-10, 5, 1), (59, None, 1), (60, None, 0), (10, 10, 1)],
    ids=["before", "across_start", "open", "after", "instant"],
)
def test_only_periods_in_the_session_count(start: float, end: float | None, count: int) -> None:
    assert total_of([period(start, end)], [HOUR], LATER).count == count


def test_period_across_a_gap_counts_once() -> None:
    within = [period(0, 20), period(30, 60)]
    assert total_of([period(10, 40)], within, LATER) == PeriodTotal(1, timedelta(minutes=20))
    assert total_of([period(22, 28)], within, LATER) == PeriodTotal()
    assert total_of([period(10, 40)], [], LATER) == PeriodTotal()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], []),
        ([(0, True)], []),
        ([(0, True), (5, False), (7, True)], [(5, 7)]),
        ([(0, True), (5, False)], [(5, None)]),
        ([(0, True), (5, False), (6, False), (7, True), (8, True)], [(5, 7)]),
    ],
    ids=["none", "connected", "one", "open", "repeated"],
)
def test_gap_lasts_from_false_to_true(
    changes: list[tuple[float, bool]], expected: list[tuple[float, float | None]]
) -> None:
    found = gaps_of([(at(minutes), value) for minutes, value in changes])
    assert found == [period(*each) for each in expected]


@given(gaps=PERIODS)
def test_parts_and_the_periods_between_them_are_in_order(gaps: list[Period]) -> None:
    parts = without(HOUR, gaps)
    everything = sorted([*parts, *between(parts)], key=lambda each: (each.start, each.end or LATER))
    assert all(each.end is not None and each.start <= each.end for each in everything)
    assert [each.end for each in everything[:-1]] == [each.start for each in everything[1:]]
    assert all(NOON <= each.start < END for each in parts)


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ([(20, None)], [(0, 20)]),
        ([(20, 30)], [(0, 20), (30, None)]),
        # The clock of the database was set back.
        ([(20, 10)], [(0, 20), (20, None)]),
        ([(0, None)], []),
    ],
    ids=["open", "closed", "backwards", "from_the_start"],
)
def test_open_period_without_gaps(
    gaps: list[tuple[float, float | None]], expected: list[tuple[float, float | None]]
) -> None:
    parts = without(period(0, None), [period(*each) for each in gaps])
    assert parts == [period(*each) for each in expected]
