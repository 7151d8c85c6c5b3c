"""The facts that a report reads from the session record."""

from __future__ import annotations

from uuid import UUID

from proctorium.session.events.v1 import events_pb2 as session
from proctorium_common.messages import to_timestamp
from proctorium_session.domain.record import Entry, EntryContent
from proctorium_session.operations.recorded_facts import facts_of

from .test_periods import END, at, period

LEARNER, OTHER = UUID(int=101), UUID(int=102)


def entry(
    event: str, minute: float, participant_id: UUID | None = None, body: bytes = b""
) -> Entry:
    return Entry(1, EntryContent(event, at(minute), "session", participant_id, body), b"")


def test_removals_last_until_the_readmission() -> None:
    facts = facts_of(
        [
            entry("participant.removed", 5, LEARNER),
            entry("participant.removed", 7, OTHER),
            entry("participant.readmitted", 10, LEARNER),
            entry("participant.removed", 20, LEARNER),
        ],
        END,
    )
    assert facts.removals == {LEARNER: [period(5, 10), period(20, None)], OTHER: [period(7, None)]}


def test_uncovered_period_ends_with_the_session_at_the_latest() -> None:
    uncovered = [
        session.SessionUncovered(uncovered_time=to_timestamp(at(minute))).SerializeToString()
        for minute in (10, 50)
    ]
    covered = session.SessionCovered(covered_time=to_timestamp(at(15))).SerializeToString()
    entries = [
        entry("session.uncovered", 11, body=uncovered[0]),
        entry("session.covered", 16, body=covered),
        entry("session.uncovered", 51, body=uncovered[1]),
    ]
    assert facts_of(entries, END).uncovered == [period(10, 15), period(50, 60)]
    assert facts_of(entries, None).uncovered == [period(10, 15), period(50, None)]
