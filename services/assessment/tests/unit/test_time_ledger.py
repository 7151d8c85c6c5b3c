"""Tests of the time ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from proctorium_assessment.domain.time_ledger import (
    EntryKind,
    LedgerEntry,
    compute_balance,
    compute_deadline,
)

START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def started() -> LedgerEntry:
    return LedgerEntry(EntryKind.STARTED, START)


def extra(minutes: float, when: float = 0) -> LedgerEntry:
    return LedgerEntry(EntryKind.EXTRA, at(when), timedelta(minutes=minutes))


def test_before_the_start_there_is_no_deadline() -> None:
    assert compute_deadline(HOUR, []) is None
    assert compute_balance([]).remaining(HOUR, at(5)) == HOUR


def test_deadline_is_the_time_limit_after_the_start() -> None:
    assert compute_deadline(HOUR, [started()]) == at(60)


def test_without_a_time_limit_there_is_no_deadline() -> None:
    assert compute_deadline(None, [started(), extra(10)]) is None
    assert compute_balance([started()]).remaining(None, at(5)) is None


def test_pause_stops_the_clock_and_moves_the_deadline() -> None:
    paused = [started(), LedgerEntry(EntryKind.PAUSED, at(10))]
    assert compute_deadline(HOUR, paused) is None
    assert compute_balance(paused).remaining(HOUR, at(40)) == timedelta(minutes=50)
    assert compute_deadline(HOUR, [*paused, LedgerEntry(EntryKind.RESUMED, at(25))]) == at(75)


def test_clock_is_stopped_while_any_stop_is_open() -> None:
    ledger = [
        started(),
        LedgerEntry(EntryKind.PAUSED, at(10)),
        LedgerEntry(EntryKind.OUTAGE_STARTED, at(15)),
        LedgerEntry(EntryKind.RESUMED, at(20)),
        LedgerEntry(EntryKind.OUTAGE_ENDED, at(30)),
    ]
    assert compute_deadline(HOUR, ledger[:4]) is None
    assert compute_deadline(HOUR, ledger) == at(80)


def test_extra_time_counts_whenever_it_is_granted() -> None:
    assert compute_deadline(HOUR, [extra(5, when=-10), started(), extra(10, when=50)]) == at(75)
    assert compute_deadline(HOUR, [started(), extra(10, when=90)]) == at(70)


def test_end_of_a_stop_that_is_not_open_changes_nothing() -> None:
    assert compute_deadline(HOUR, [started(), LedgerEntry(EntryKind.RESUMED, at(5))]) == at(60)


def test_stop_before_the_start_stops_the_clock() -> None:
    ledger = [
        LedgerEntry(EntryKind.PAUSED, at(-5)),
        started(),
        LedgerEntry(EntryKind.RESUMED, at(10)),
    ]
    assert compute_deadline(HOUR, ledger) == at(70)


MINUTES = st.integers(0, 300)
ENTRIES = st.builds(
    lambda kind, minute, amount: LedgerEntry(
        kind, at(minute), timedelta(minutes=amount) if kind is EntryKind.EXTRA else timedelta()
    ),
    st.sampled_from([kind for kind in EntryKind if kind is not EntryKind.STARTED]),
    MINUTES,
    st.integers(0, 60),
)
LEDGERS = st.lists(ENTRIES, max_size=12).map(lambda entries: [started(), *entries])


@given(LEDGERS, MINUTES, st.integers(1, 60))
def test_remaining_time_decreases_no_faster_than_the_clock(
    ledger: list[LedgerEntry], minute: int, later: int
) -> None:
    account = compute_balance(ledger)
    last = max(entry.at for entry in ledger)
    now = last + timedelta(minutes=minute)
    before, after = account.spent_at(now), account.spent_at(now + timedelta(minutes=later))
    assert timedelta() <= after - before <= timedelta(minutes=later)
    if account.running_since is None:
        assert after == before, "a standing clock does not run"


@given(LEDGERS, MINUTES)
def test_no_time_remains_at_the_deadline(ledger: list[LedgerEntry], minute: int) -> None:
    account = compute_balance(ledger)
    due = account.deadline(HOUR)
    if due is not None:
        assert account.spent_at(due) == max(HOUR + account.granted, account.spent)
        left = account.remaining(HOUR, due + timedelta(minutes=minute))
        assert left == timedelta() or account.granted + HOUR < account.spent


@given(LEDGERS, st.integers(1, 60))
def test_extra_time_moves_the_deadline_by_its_amount(ledger: list[LedgerEntry], more: int) -> None:
    due, later = compute_deadline(HOUR, ledger), compute_deadline(HOUR, [*ledger, extra(more)])
    if due is None:
        assert later is None
    else:
        assert later == due + timedelta(minutes=more)


@given(LEDGERS.flatmap(lambda ledger: st.tuples(st.just(ledger), st.permutations(ledger))))
def test_entries_of_different_times_are_in_any_order(
    pair: tuple[list[LedgerEntry], list[LedgerEntry]],
) -> None:
    ledger, shuffled = pair
    if len({entry.at for entry in ledger}) == len(ledger):
        assert compute_balance(shuffled) == compute_balance(ledger)


@given(LEDGERS)
def test_pause_and_end_at_the_same_time_change_nothing(ledger: list[LedgerEntry]) -> None:
    last = max(entry.at for entry in ledger)
    account = compute_balance(ledger)
    if account.running_since is not None:
        twice = [*ledger, LedgerEntry(EntryKind.PAUSED, last), LedgerEntry(EntryKind.RESUMED, last)]
        assert compute_balance(twice).deadline(HOUR) == account.deadline(HOUR)
