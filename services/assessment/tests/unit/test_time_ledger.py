"""Tests of the time ledger."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from proctorium_assessment.domain.time_ledger import (
    EntryKind,
    LedgerEntry,
    TimeBalance,
    compute_balance,
)

START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def paused(
    minute: float, stop: int = 1, limit: float | None = None, *, hides: bool = True
) -> LedgerEntry:
    longest = None if limit is None else timedelta(minutes=limit)
    return LedgerEntry(
        UUID(int=stop), EntryKind.PAUSED, at(minute), limit=longest, hides_questions=hides
    )


def resumed(minute: float, stop: int = 1) -> LedgerEntry:
    return LedgerEntry(UUID(int=stop), EntryKind.RESUMED, at(minute))


def outage(minute: float, limit: float = 10, stop: int = 50) -> LedgerEntry:
    longest = timedelta(minutes=limit)
    return LedgerEntry(UUID(int=stop), EntryKind.OUTAGE, at(minute), limit=longest)


def extra(amount: float, minute: float, grant: int = 100) -> LedgerEntry:
    return LedgerEntry(UUID(int=grant), EntryKind.EXTRA_TIME, at(minute), timedelta(minutes=amount))


def accommodation(percent: int, minute: float, revision: int = 1000) -> LedgerEntry:
    return LedgerEntry(UUID(int=revision), EntryKind.ACCOMMODATION, at(minute), percent=percent)


def balance(*entries: LedgerEntry, limit: timedelta | None = HOUR) -> TimeBalance:
    return compute_balance(limit, START, entries)


def test_before_the_start_there_is_no_deadline() -> None:
    waiting = compute_balance(HOUR, None, [])
    assert waiting.deadline is None
    assert waiting.remaining(at(5)) == HOUR


def test_deadline_is_the_time_limit_after_the_start() -> None:
    assert balance().deadline == at(60)
    assert balance().remaining(at(20)) == timedelta(minutes=40)


def test_without_a_time_limit_there_is_no_deadline() -> None:
    unlimited = balance(paused(10), resumed(15), extra(10, 20), extra(-20, 30), limit=None)
    assert unlimited.deadline is None
    assert unlimited.remaining(at(5)) is None
    assert unlimited.granted == timedelta()


def test_pause_stops_the_clock_and_moves_the_deadline() -> None:
    during = balance(paused(10))
    assert (during.is_paused, during.deadline) == (True, None)
    assert during.remaining(at(400)) == timedelta(minutes=50)
    after = balance(paused(10), resumed(25))
    assert (after.is_paused, after.deadline) == (False, at(75))


def test_overlapping_stops_count_once() -> None:
    entries = [paused(10, 1), paused(15, 2), resumed(20, 1), resumed(30, 2)]
    assert balance(*entries[:3]).is_paused
    assert balance(*entries).deadline == at(80)


def test_resume_ends_only_the_stop_with_its_id() -> None:
    assert balance(paused(10, 1), paused(10, 2), resumed(20, 1)).is_paused
    assert not balance(paused(10, 1), resumed(20, 1), resumed(30, 2)).is_paused


def test_resume_without_a_pause_changes_nothing() -> None:
    assert balance(resumed(5)) == balance()


def test_stop_from_before_the_start_stops_the_clock() -> None:
    assert compute_balance(HOUR, None, [paused(-5)]).is_paused
    assert balance(paused(-5), resumed(10)).deadline == at(70)
    assert balance(paused(-5), resumed(-1)).deadline == at(60)


def test_questions_are_hidden_while_any_open_stop_hides_them() -> None:
    shown = paused(10, 1, hides=False)
    assert not balance(shown).are_questions_hidden
    assert balance(shown, paused(12, 2)).are_questions_hidden
    assert balance(shown, paused(12, 2, limit=0)).are_questions_hidden
    assert not balance(shown, paused(12, 2), resumed(13, 2)).are_questions_hidden
    assert not balance(shown, resumed(13)).are_questions_hidden


def test_bounded_stop_stops_the_clock_for_at_most_its_limit() -> None:
    during = balance(paused(10, limit=5))
    assert (during.is_paused, during.is_on_break) == (False, True)
    assert (during.stopped_until, during.deadline) == (at(15), at(65))
    assert [during.remaining(at(minute)) for minute in (12, 15, 25)] == [
        timedelta(minutes=minutes) for minutes in (50, 50, 40)
    ]
    assert balance(paused(10, limit=5), resumed(12)).deadline == at(62)
    late = balance(paused(10, limit=5), resumed(40))
    assert (late.deadline, late.is_on_break, late.stopped_until) == (at(65), False, None)


def test_stop_with_the_limit_zero_does_not_stop_the_clock() -> None:
    during = balance(paused(10, limit=0))
    assert (during.deadline, during.is_on_break) == (at(60), True)
    assert during.spent_at(at(20)) == timedelta(minutes=20)


def test_bounded_stops_and_pauses_that_overlap_count_once() -> None:
    entries = [paused(10, 1, limit=10), paused(15, 2), resumed(18, 2)]
    assert balance(*entries[:2]).deadline is None
    assert balance(*entries).deadline == at(70)
    assert balance(*entries, resumed(19, 1)).deadline == at(69)
    assert balance(paused(10, 1, limit=10), paused(15, 2), resumed(30, 2)).deadline == at(80)
    assert balance(paused(10, 1, limit=10), paused(12, 2, limit=3)).deadline == at(70)


def test_bounded_stop_from_before_the_start_stops_the_clock_until_its_limit() -> None:
    assert balance(paused(-5, limit=10)).deadline == at(65)
    assert balance(paused(-5, limit=3)).deadline == at(60)


def test_extra_time_counts_before_the_start_and_until_the_deadline() -> None:
    assert balance(extra(5, -10), extra(10, 50, 101)).deadline == at(75)
    assert balance(extra(5, 60)).deadline == at(65)


def test_entries_after_the_deadline_change_nothing() -> None:
    for late in (extra(10, 61), paused(61), extra(-10, 61)):
        assert balance(late) == balance()


def test_only_unused_extra_time_is_taken_back() -> None:
    assert balance(extra(20, 10), extra(-15, 30, 101)).deadline == at(65)
    assert balance(extra(20, 10), extra(-60, 30, 101)).deadline == at(60)
    # At 70 minutes, the learner has used 10 of the 20 minutes.
    assert balance(extra(20, 10), extra(-20, 70, 101)).deadline == at(70)
    assert balance(extra(-20, 10)).deadline == at(60)


def test_extra_time_is_granted_before_it_is_taken_back_at_the_same_time() -> None:
    # At 65 minutes, the learner has used 5 of the 10 minutes.
    assert balance(extra(10, 10), extra(-10, 65, 101), extra(10, 65, 102)).deadline == at(70)


def test_late_pause_is_before_the_deadline_that_it_moves() -> None:
    granted_in_the_pause = [extra(10, 62), paused(59), resumed(65)]
    assert balance(*granted_in_the_pause).deadline == at(76)


def test_accommodation_extends_the_time_limit() -> None:
    assert balance(accommodation(25, -10)).deadline == at(75)
    assert balance(accommodation(25, 30)).deadline == at(75)
    assert balance(accommodation(25, -10), extra(10, 70)).deadline == at(85)
    assert balance(accommodation(200, -10), limit=None).deadline is None


def test_last_accommodation_before_the_start_counts() -> None:
    before = [accommodation(50, -20, 1000), accommodation(10, -10, 1001)]
    assert balance(*before).deadline == at(66)
    assert compute_balance(HOUR, None, before).remaining(at(0)) == timedelta(minutes=66)


def test_changed_accommodation_never_reduces_the_time_of_a_started_attempt() -> None:
    assert balance(accommodation(50, -10), accommodation(0, 10, 1001)).deadline == at(90)
    later = [accommodation(25, 10, 1000), accommodation(50, 20, 1001), accommodation(10, 30, 1002)]
    assert balance(*later).deadline == at(90)


def test_started_attempt_keeps_a_percentage_that_was_reduced_before_the_start() -> None:
    entries = [accommodation(0, -10), paused(70)]
    assert compute_balance(HOUR, START, entries).deadline == at(60)
    assert compute_balance(HOUR, START, entries, 50).remaining(at(80)) == timedelta(minutes=20)
    assert compute_balance(HOUR, None, entries, 50).percent == 0


def test_accommodation_after_the_deadline_changes_nothing() -> None:
    assert balance(accommodation(100, 61)) == balance()


MINUTES = st.integers(-20, 200)
LIMITS = st.none() | st.integers(0, 30)
STOPS = st.tuples(MINUTES, st.integers(0, 60), st.booleans(), LIMITS)
GRANTS = st.tuples(MINUTES, st.integers(-60, 60))
ACCOMMODATIONS = st.tuples(MINUTES, st.integers(0, 200))
OUTAGES = st.tuples(MINUTES, st.integers(0, 60), st.booleans())
RETURNED_LIMITS = st.integers(0, 30)


def _entries(
    stops: list[tuple[int, int, bool, int | None]],
    grants: list[tuple[int, int]],
    accommodations: list[tuple[int, int]],
    outages: list[tuple[int, int, bool]],
    returned_limit: int,
) -> list[LedgerEntry]:
    entries: list[LedgerEntry] = []
    for stop, (minute, length, is_over, limit) in enumerate(stops):
        entries.append(paused(minute, stop, limit))
        if is_over:
            entries.append(resumed(minute + length, stop))
    for stop, (minute, length, is_over) in enumerate(outages, start=50):
        entries.append(outage(minute, returned_limit, stop))
        if is_over:
            entries.append(resumed(minute + length, stop))
    entries += [
        extra(amount, minute, grant) for grant, (minute, amount) in enumerate(grants, start=100)
    ]
    return entries + [
        accommodation(percent, minute, revision)
        for revision, (minute, percent) in enumerate(accommodations, start=1000)
    ]


LEDGERS = st.builds(
    _entries,
    st.lists(STOPS, max_size=6),
    st.lists(GRANTS, max_size=4),
    st.lists(ACCOMMODATIONS, max_size=3),
    st.lists(OUTAGES, max_size=4),
    RETURNED_LIMITS,
)


def until(entries: Collection[LedgerEntry], minute: float) -> list[LedgerEntry]:
    """Return the entries whose time is at most `minute`."""
    return [entry for entry in entries if entry.at <= at(minute)]


def stopped_minutes(entries: Collection[LedgerEntry], last: int) -> tuple[int, int]:
    """Return how many of the first `last` minutes are stopped, and how many of these are given back for outages."""
    stops = [entry for entry in entries if entry.kind is EntryKind.PAUSED]
    outages = [entry for entry in entries if entry.kind is EntryKind.OUTAGE and entry.at > START]
    stopped, returned = 0, 0
    for minute in range(last):
        if any(is_stopping(entries, stop, at(minute)) for stop in stops):
            stopped += 1
        elif any(
            is_open(entries, each, at(minute)) and returned * MINUTE < returned_limit(entries)
            for each in outages
        ):
            returned += 1
    return stopped + returned, returned


def returned_limit(entries: Collection[LedgerEntry]) -> timedelta:
    """Return the limit that all outages of the ledger share."""
    limits = [entry.limit for entry in entries if entry.kind is EntryKind.OUTAGE and entry.limit]
    return limits[0] if limits else timedelta()


def is_stopping(entries: Collection[LedgerEntry], stop: LedgerEntry, now: datetime) -> bool:
    """Return whether `stop` stops the clock at `now`, according to the entries whose time is at most `now`."""
    is_past = stop.limit_end is not None and stop.limit_end <= now
    return is_open(entries, stop, now) and not is_past


def is_open(entries: Collection[LedgerEntry], start: LedgerEntry, now: datetime) -> bool:
    """Return whether the stop or outage of the entry `start` has started and has not been ended at `now`."""
    return start.at <= now and not any(
        entry.entry_id == start.entry_id and entry.kind is EntryKind.RESUMED and entry.at <= now
        for entry in entries
    )


@given(LEDGERS.flatmap(lambda ledger: st.tuples(st.just(ledger), st.permutations(ledger))))
def test_order_and_repetition_of_entries_do_not_matter(
    pair: tuple[list[LedgerEntry], list[LedgerEntry]],
) -> None:
    ledger, shuffled = pair
    assert balance(*shuffled, *ledger) == balance(*ledger)


@given(LEDGERS, st.integers(0, 200))
def test_overlapping_stops_and_outages_count_once(ledger: list[LedgerEntry], minute: int) -> None:
    known = balance(*until(ledger, minute), limit=None)
    stopped, returned = stopped_minutes(ledger, minute)
    assert known.spent_at(at(minute)) == timedelta(minutes=minute - stopped)
    assert known.returned_at(at(minute)) == timedelta(minutes=returned)


@given(LEDGERS, st.integers(0, 200), st.integers(0, 200))
def test_outages_never_give_back_more_than_their_limit(
    ledger: list[LedgerEntry], minute: int, later: int
) -> None:
    known = balance(*until(ledger, minute))
    assert known.returned_at(at(minute + later)) <= returned_limit(ledger)


@given(LEDGERS, st.integers(1, 200), st.integers(0, 200), st.none() | st.integers(0, 60))
def test_outage_never_takes_time_and_gives_at_most_the_rest_of_the_limit(
    ledger: list[LedgerEntry], minute: int, later: int, length: int | None
) -> None:
    known, limit = until(ledger, minute), returned_limit(ledger) / MINUTE
    added = [outage(minute, limit, 999)]
    if length is not None:
        added.append(resumed(minute + length, 999))
    before = balance(*known, limit=10 * HOUR)
    after = balance(*known, *added, limit=10 * HOUR)
    now = at(minute + 60 + later)
    without, with_outage = before.remaining(now), after.remaining(now)
    assert without is not None
    assert with_outage is not None
    rest = limit * MINUTE - before.returned_at(at(minute))
    longest = rest if length is None else min(rest, length * MINUTE)
    assert without <= with_outage <= without + longest


@given(LEDGERS, st.integers(1, 200), st.integers(0, 200), st.integers(0, 200))
def test_changed_accommodation_never_reduces_the_remaining_time_of_a_started_attempt(
    ledger: list[LedgerEntry], minute: int, percent: int, later: int
) -> None:
    known = until(ledger, minute)
    before = balance(*known).remaining(at(minute + later))
    after = balance(*known, accommodation(percent, minute, 9999)).remaining(at(minute + later))
    assert before is not None
    assert after is not None
    assert before <= after <= before + percent * HOUR / 100


@st.composite
def _commands_at_one_time(draw: st.DrawFn) -> tuple[list[LedgerEntry], list[LedgerEntry]]:
    """Return a ledger, and entries at 30 minutes in the order of their commands.

    As in session orchestration, a command takes back at most the granted extra time.
    """
    ledger = [entry for entry in draw(LEDGERS) if entry.at < at(30)]
    ended = {entry.entry_id for entry in ledger if entry.kind is EntryKind.RESUMED}
    limits = draw(st.lists(LIMITS, max_size=3))
    new = [paused(30, stop, limit) for stop, limit in enumerate(limits, start=900)]
    limit = returned_limit(ledger) / MINUTE or draw(RETURNED_LIMITS)
    new += [outage(30, limit, stop) for stop in range(950, 950 + draw(st.integers(0, 2)))]
    starts = [
        entry for entry in [*ledger, *new] if entry.kind in {EntryKind.PAUSED, EntryKind.OUTAGE}
    ]
    new += [
        replace(start, kind=EntryKind.RESUMED, at=at(30), limit=None)
        for start in starts
        if start.entry_id not in ended and draw(st.booleans())
    ]
    amounts = draw(st.lists(st.integers(-60, 60), max_size=4))
    new += [extra(amount, 30, grant) for grant, amount in enumerate(amounts, start=9100)]
    percents = draw(st.lists(st.integers(0, 200), max_size=2))
    new += [
        accommodation(percent, 30, revision)
        for revision, percent in enumerate(percents, start=9900)
    ]
    granted = balance(*ledger, limit=10 * HOUR).granted
    commands: list[LedgerEntry] = []
    for entry in draw(st.permutations(new)):
        amount = max(entry.amount, -granted)
        granted += amount
        commands.append(replace(entry, amount=amount))
    return ledger, commands


@given(_commands_at_one_time())
def test_order_of_commands_at_one_time_does_not_matter_until_extra_time_is_used(
    pair: tuple[list[LedgerEntry], list[LedgerEntry]],
) -> None:
    ledger, commands = pair
    ordered = [
        replace(entry, at=entry.at - place * timedelta.resolution)
        for place, entry in enumerate(reversed(commands))
    ]
    together = balance(*ledger, *commands, limit=10 * HOUR)
    in_order = balance(*ledger, *ordered, limit=10 * HOUR)
    assert (together.granted, together.percent) == (in_order.granted, in_order.percent)
    assert together.open_stops.keys() == in_order.open_stops.keys()
    assert together.open_outages.keys() == in_order.open_outages.keys()
    apart = len(commands) * timedelta.resolution
    for minute in (30, 40, 60, 90):
        assert abs(together.spent_at(at(minute)) - in_order.spent_at(at(minute))) <= apart
        assert abs(together.returned_at(at(minute)) - in_order.returned_at(at(minute))) <= apart


@given(LEDGERS, st.integers(0, 200), st.integers(0, 60))
def test_no_clock_runs_while_a_stop_is_open(
    ledger: list[LedgerEntry], minute: int, later: int
) -> None:
    known = balance(*until(ledger, minute))
    if known.is_paused:
        assert known.deadline is None
        assert known.remaining(at(minute + later)) == known.remaining(at(minute))
    if known.stopped_until is not None:
        now = min(at(minute + later), max(known.stopped_until, at(minute)))
        if at(minute) < known.stopped_until:
            assert known.remaining(now) == known.remaining(at(minute))


@given(LEDGERS)
def test_deadline_is_defined_unless_a_stop_without_a_limit_is_open(
    ledger: list[LedgerEntry],
) -> None:
    known = balance(*ledger)
    assert (known.deadline is None) == known.is_paused


@given(LEDGERS, st.integers(0, 200), st.integers(0, 30), st.none() | st.integers(0, 60))
def test_bounded_stop_never_takes_time_and_gives_at_most_its_limit(
    ledger: list[LedgerEntry], minute: int, limit: int, length: int | None
) -> None:
    known = until(ledger, minute)
    stop = [paused(minute, 999, limit)]
    if length is not None:
        stop.append(resumed(minute + length, 999))
    before, after = balance(*known), balance(*known, *stop)
    for later in (minute + 60, minute + 90, minute + 200):
        without, with_stop = before.remaining(at(later)), after.remaining(at(later))
        assert without is not None
        assert with_stop is not None
        longest = limit if length is None else min(limit, length)
        assert without <= with_stop <= without + timedelta(minutes=longest)


@given(LEDGERS, st.integers(0, 200))
def test_remaining_time_never_shrinks_without_a_cause(
    ledger: list[LedgerEntry], minute: int
) -> None:
    before, after = balance(*until(ledger, minute)), balance(*until(ledger, minute + 1))
    left, later = before.remaining(at(minute)), after.remaining(at(minute + 1))
    assert left is not None
    assert later is not None
    taken = sum((entry.amount for entry in ledger if entry.amount < timedelta()), timedelta())
    assert later >= max(left - timedelta(minutes=1) + taken, timedelta())


@given(LEDGERS, st.integers(0, 200))
def test_deadline_is_never_moved_into_the_past(ledger: list[LedgerEntry], minute: int) -> None:
    known, more = until(ledger, minute), [*until(ledger, minute), extra(-60, minute, 999)]
    before, after = balance(*known).deadline, balance(*more).deadline
    if before is not None:
        assert after is not None
        assert min(before, at(minute)) <= after <= before


LATER = st.integers(0, 200)


@given(LATER, LATER, LATER, LATER)
def test_removal_that_overlaps_a_pause_counts_once(
    pause_start: int, pause_length: int, removal_start: int, removal_length: int
) -> None:
    pause = set(range(pause_start, pause_start + pause_length))
    removal = set(range(removal_start, removal_start + removal_length))
    known = balance(
        paused(pause_start, 1),
        resumed(pause_start + pause_length, 1),
        paused(removal_start, 2),
        resumed(removal_start + removal_length, 2),
        limit=10 * HOUR,
    )
    assert known.deadline == at(600 + len(pause | removal))


@given(LEDGERS)
def test_no_time_remains_at_the_deadline_and_some_remains_before(ledger: list[LedgerEntry]) -> None:
    known = balance(*ledger)
    if known.deadline is not None and known.running_since is not None:
        assert known.deadline >= known.running_since
        assert known.remaining(known.deadline) == timedelta()
        if known.deadline > known.running_since:
            assert known.remaining(known.deadline - timedelta(seconds=1)) == timedelta(seconds=1)


@given(LEDGERS, MINUTES)
def test_unknown_end_of_a_stop_changes_nothing(ledger: list[LedgerEntry], minute: int) -> None:
    assert balance(*ledger, resumed(minute, 999)) == balance(*ledger)


@given(LEDGERS, st.integers(0, 60), st.integers(0, 60))
def test_end_in_the_middle_of_a_pause_leaves_the_time_of_its_start(
    ledger: list[LedgerEntry], minute: int, length: int
) -> None:
    known = until(ledger, minute)
    left = balance(*known).remaining(at(minute))
    if left:
        ended = balance(*known, paused(minute, 999))
        assert ended.remaining(at(minute + length)) == left


@given(LEDGERS, MINUTES)
def test_pause_without_length_changes_nothing(ledger: list[LedgerEntry], minute: int) -> None:
    with_pause = balance(*ledger, paused(minute, 999), resumed(minute, 999))
    assert with_pause.deadline == balance(*ledger).deadline
    assert with_pause.remaining(at(500)) == balance(*ledger).remaining(at(500))


def test_outage_is_given_back_and_hides_no_questions() -> None:
    during = balance(outage(10))
    assert (during.is_paused, during.is_on_break, during.stopped_until) == (False, False, at(20))
    assert during.deadline == at(70)
    after = balance(outage(10), resumed(14, 50))
    assert (after.deadline, after.returned, after.stopped_until) == (at(64), 4 * MINUTE, None)


def test_clock_runs_after_the_limit_of_an_outage() -> None:
    assert balance(outage(10, 5)).remaining(at(30)) == 35 * MINUTE
    after = balance(outage(10, 5), resumed(30, 50))
    assert (after.deadline, after.returned) == (at(65), 5 * MINUTE)


def test_all_outages_of_an_attempt_share_the_limit() -> None:
    entries = [
        *(outage(10, 5, 50), resumed(13, 50)),
        *(outage(20, 5, 51), resumed(30, 51)),
        *(outage(40, 5, 52), resumed(41, 52)),
    ]
    assert (balance(*entries).deadline, balance(*entries).returned) == (at(65), 5 * MINUTE)


def test_outage_without_a_limit_of_time_changes_nothing() -> None:
    assert balance(outage(10, 0)).deadline == at(60)


def test_outage_during_a_pause_counts_once_and_uses_nothing_of_the_limit() -> None:
    entries = [paused(10), outage(12, 5), resumed(20, 50), resumed(30)]
    assert balance(*entries[:2]).deadline is None
    assert (balance(*entries).deadline, balance(*entries).returned) == (at(80), timedelta())


def test_outage_that_outlasts_a_break_is_given_back_after_the_break() -> None:
    entries = [paused(10, 1, limit=5), outage(12, 4), resumed(16, 1), resumed(30, 50)]
    assert balance(*entries[:2]).deadline == at(69)
    assert balance(*entries[:3]).deadline == at(69)
    assert (balance(*entries).deadline, balance(*entries).returned) == (at(69), 4 * MINUTE)


def test_outage_before_the_start_of_the_attempt_gives_nothing_back() -> None:
    assert balance(outage(-5), resumed(5, 50)).deadline == at(60)


def test_outage_after_the_deadline_changes_nothing() -> None:
    assert balance(outage(61), resumed(65, 50)).deadline == at(60)


@given(st.permutations(range(6)))
def test_outage_counts_the_same_however_late_its_events_arrive(order: list[int]) -> None:
    entries = [outage(5), paused(7), resumed(9, 50), resumed(20), outage(30, 10, 51), extra(3, 31)]
    assert balance(*(entries[each] for each in order)) == balance(*entries)
    assert balance(*entries).deadline == at(86)
