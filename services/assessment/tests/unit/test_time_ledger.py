from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from proctorium_assessment.domain.time_ledger import Entry, Mark, add_up, deadline

BEGAN = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


def started() -> Entry:
    return Entry(Mark.STARTED, BEGAN)


def extra(minutes: float, when: float = 0) -> Entry:
    return Entry(Mark.EXTRA, at(when), timedelta(minutes=minutes))


def test_before_the_start_there_is_no_deadline_and_all_time_is_left() -> None:
    assert deadline(HOUR, []) is None
    assert add_up([]).remaining(HOUR, at(5)) == HOUR


def test_the_deadline_is_the_limit_after_the_start() -> None:
    assert deadline(HOUR, [started()]) == at(60)


def test_without_a_limit_there_is_no_deadline() -> None:
    assert deadline(None, [started(), extra(10)]) is None
    assert add_up([started()]).remaining(None, at(5)) is None


def test_a_pause_stops_the_clock_and_moves_the_deadline() -> None:
    paused = [started(), Entry(Mark.PAUSED, at(10))]
    assert deadline(HOUR, paused) is None
    assert add_up(paused).remaining(HOUR, at(40)) == timedelta(minutes=50)
    assert deadline(HOUR, [*paused, Entry(Mark.RESUMED, at(25))]) == at(75)


def test_the_clock_stands_while_any_stop_is_open() -> None:
    ledger = [
        started(),
        Entry(Mark.PAUSED, at(10)),
        Entry(Mark.OUTAGE_STARTED, at(15)),
        Entry(Mark.RESUMED, at(20)),
        Entry(Mark.OUTAGE_ENDED, at(30)),
    ]
    assert deadline(HOUR, ledger[:4]) is None
    assert deadline(HOUR, ledger) == at(80)


def test_extra_time_counts_whenever_it_was_granted() -> None:
    assert deadline(HOUR, [extra(5, when=-10), started(), extra(10, when=50)]) == at(75)
    assert deadline(HOUR, [started(), extra(10, when=90)]) == at(70)


def test_ending_what_is_not_open_changes_nothing() -> None:
    assert deadline(HOUR, [started(), Entry(Mark.RESUMED, at(5))]) == at(60)


def test_a_stop_before_the_start_holds_the_clock() -> None:
    ledger = [Entry(Mark.PAUSED, at(-5)), started(), Entry(Mark.RESUMED, at(10))]
    assert deadline(HOUR, ledger) == at(70)


MINUTES = st.integers(0, 300)
ENTRIES = st.builds(
    lambda mark, minute, amount: Entry(
        mark, at(minute), timedelta(minutes=amount) if mark is Mark.EXTRA else timedelta()
    ),
    st.sampled_from([mark for mark in Mark if mark is not Mark.STARTED]),
    MINUTES,
    st.integers(0, 60),
)
LEDGERS = st.lists(ENTRIES, max_size=12).map(lambda entries: [started(), *entries])


@given(LEDGERS, MINUTES, st.integers(1, 60))
def test_time_only_runs_down_and_never_faster_than_the_clock(
    ledger: list[Entry], minute: int, later: int
) -> None:
    account = add_up(ledger)
    last = max(entry.at for entry in ledger)
    now = last + timedelta(minutes=minute)
    before, after = account.spent_at(now), account.spent_at(now + timedelta(minutes=later))
    assert timedelta() <= after - before <= timedelta(minutes=later)
    if account.since is None:
        assert after == before, "a standing clock does not run"


@given(LEDGERS, MINUTES)
def test_what_is_left_at_the_deadline_is_nothing(ledger: list[Entry], minute: int) -> None:
    account = add_up(ledger)
    due = account.deadline(HOUR)
    if due is not None:
        assert account.spent_at(due) == max(HOUR + account.granted, account.spent)
        left = account.remaining(HOUR, due + timedelta(minutes=minute))
        assert left == timedelta() or account.granted + HOUR < account.spent


@given(LEDGERS, st.integers(1, 60))
def test_extra_time_moves_the_deadline_by_exactly_as_much(ledger: list[Entry], more: int) -> None:
    due, later = deadline(HOUR, ledger), deadline(HOUR, [*ledger, extra(more)])
    if due is None:
        assert later is None
    else:
        assert later == due + timedelta(minutes=more)


@given(LEDGERS.flatmap(lambda ledger: st.tuples(st.just(ledger), st.permutations(ledger))))
def test_lines_may_be_read_in_any_order_if_their_times_differ(
    pair: tuple[list[Entry], list[Entry]],
) -> None:
    ledger, shuffled = pair
    if len({entry.at for entry in ledger}) == len(ledger):
        assert add_up(shuffled) == add_up(ledger)


@given(LEDGERS)
def test_a_pause_and_its_end_at_one_moment_change_nothing(ledger: list[Entry]) -> None:
    last = max(entry.at for entry in ledger)
    account = add_up(ledger)
    if account.since is not None:
        twice = [*ledger, Entry(Mark.PAUSED, last), Entry(Mark.RESUMED, last)]
        assert add_up(twice).deadline(HOUR) == account.deadline(HOUR)
