"""A stateful test of the time ledger, minute by minute.

It has random pauses, removals, breaks, outages, extra time that is granted and taken back, and accommodations.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from proctorium_assessment.domain.time_ledger import (
    EntryKind,
    LedgerEntry,
    TimeBalance,
    compute_balance,
    extended,
)

START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
NO_TIME = timedelta()
MINUTE = timedelta(minutes=1)
LIMIT = 60 * MINUTE
RETURNED_LIMIT = 12 * MINUTE


class LedgerLife(RuleBasedStateMachine):
    """Commands of a proctor and a learner. The model counts the minutes in which the clock runs."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.entries: list[LedgerEntry] = []
        self.pauses: dict[str, tuple[UUID, bool]] = {}
        self.taken: UUID | None = None
        self.break_ends = START
        self.outage: UUID | None = None
        self.returned = NO_TIME
        self.ran = NO_TIME
        self.granted = NO_TIME
        self.percent = 0

    @property
    def balance(self) -> TimeBalance:
        return compute_balance(LIMIT, START, self.entries)

    @property
    def is_stopped(self) -> bool:
        return bool(self.pauses) or (self.taken is not None and self.now < self.break_ends)

    @property
    def is_given_back(self) -> bool:
        """Whether only an outage stops the clock."""
        is_out = self.outage is not None and self.returned < RETURNED_LIMIT
        return is_out and not self.is_stopped

    @property
    def remaining(self) -> timedelta:
        return extended(LIMIT, self.percent) + self.granted - self.ran

    @property
    def is_over(self) -> bool:
        return self.remaining <= NO_TIME

    def add(
        self,
        kind: EntryKind,
        entry_id: UUID | None = None,
        *,
        amount: timedelta = NO_TIME,
        percent: int = 0,
        limit: timedelta | None = None,
        hides_questions: bool = True,
    ) -> UUID:
        entry_id = entry_id or UUID(int=len(self.entries) + 1)
        self.entries.append(
            LedgerEntry(entry_id, kind, self.now, amount, percent, limit, hides_questions)
        )
        return entry_id

    def advance(self, minutes: int) -> None:
        for _ in range(minutes):
            if not self.is_over and self.is_given_back:
                self.returned += MINUTE
            elif not self.is_stopped and not self.is_over:
                self.ran += MINUTE
            self.now += MINUTE

    @rule(minutes=st.integers(1, 15))
    def wait(self, minutes: int) -> None:
        self.advance(minutes)

    @precondition(lambda self: not self.is_over)
    @rule(of=st.sampled_from(["session", "participant"]), hides=st.booleans())
    def pause(self, of: str, hides: bool) -> None:
        if of not in self.pauses:
            self.pauses[of] = self.add(EntryKind.PAUSED, hides_questions=hides), hides

    @rule(of=st.sampled_from(["session", "participant"]))
    def resume(self, of: str) -> None:
        if of in self.pauses:
            self.add(EntryKind.RESUMED, self.pauses.pop(of)[0])

    @precondition(lambda self: "removal" not in self.pauses and not self.is_over)
    @rule()
    def remove(self) -> None:
        self.pauses["removal"] = self.add(EntryKind.PAUSED), True

    @precondition(lambda self: "removal" in self.pauses)
    @rule()
    def readmit(self) -> None:
        self.add(EntryKind.RESUMED, self.pauses.pop("removal")[0])

    @precondition(lambda self: self.taken is None and not self.is_over)
    @rule(length=st.integers(0, 20))
    def start_break(self, length: int) -> None:
        self.taken = self.add(EntryKind.PAUSED, limit=length * MINUTE)
        self.break_ends = self.now + length * MINUTE

    @precondition(lambda self: self.taken is not None)
    @rule()
    def return_from_break(self) -> None:
        self.add(EntryKind.RESUMED, self.taken)
        self.taken = None

    @precondition(lambda self: self.outage is None and self.now > START and not self.is_over)
    @rule()
    def disconnect(self) -> None:
        self.outage = self.add(EntryKind.OUTAGE, limit=RETURNED_LIMIT)

    @precondition(lambda self: self.outage is not None)
    @rule()
    def reconnect(self) -> None:
        self.add(EntryKind.RESUMED, self.outage)
        self.outage = None

    @precondition(lambda self: not self.is_over)
    @rule(minutes=st.integers(1, 20))
    def grant_extra_time(self, minutes: int) -> None:
        self.add(EntryKind.EXTRA_TIME, amount=minutes * MINUTE)
        self.granted += minutes * MINUTE

    @precondition(lambda self: self.remaining > MINUTE)
    @rule(minutes=st.integers(1, 30))
    def take_back_extra_time(self, minutes: int) -> None:
        # At one time, the ledger grants extra time before it takes extra time back. Therefore no other command has the
        # time of this command.
        self.advance(1)
        self.add(EntryKind.EXTRA_TIME, amount=-minutes * MINUTE)
        self.granted -= min(minutes * MINUTE, self.granted, self.remaining)
        self.advance(1)

    @precondition(lambda self: not self.is_over)
    @rule(percent=st.sampled_from([0, 10, 25, 50, 100]))
    def change_accommodation(self, percent: int) -> None:
        # Until the start, the last change counts. After the start, a change never reduces the time.
        self.percent = percent if self.now == START else max(self.percent, percent)
        self.add(EntryKind.ACCOMMODATION, percent=percent)

    @invariant()
    def remaining_time_shrinks_only_while_the_clock_runs_or_extra_time_is_taken_back(self) -> None:
        assert self.balance.remaining(self.now) == self.remaining

    @invariant()
    def deadline_is_defined_unless_a_pause_or_a_removal_is_open(self) -> None:
        assert (self.balance.deadline is None) == bool(self.pauses)

    @invariant()
    def outages_give_back_at_most_their_limit(self) -> None:
        if not self.is_over:
            assert self.balance.returned_at(self.now) == self.returned <= RETURNED_LIMIT

    @invariant()
    def entries_in_any_order_have_the_same_balance(self) -> None:
        assert compute_balance(LIMIT, START, self.entries[::-1]) == self.balance

    @invariant()
    def questions_are_hidden_during_breaks_removals_and_pauses_that_hide_them(self) -> None:
        if not self.is_over:
            is_hidden = any(hides for _, hides in self.pauses.values()) or self.taken is not None
            assert self.balance.are_questions_hidden == is_hidden


TestLedgerLife = LedgerLife.TestCase
TestLedgerLife.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
