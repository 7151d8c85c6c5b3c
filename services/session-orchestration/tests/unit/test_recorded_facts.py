"""Tests of the facts that a report reads from the session record."""

from __future__ import annotations

from uuid import UUID

from proctorium.assessment.events.v1 import events_pb2 as assessment
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


def reopened(end: float, minute: float) -> Entry:
    event = session.SessionReopened(
        end_time=to_timestamp(at(end)), reopen_time=to_timestamp(at(minute))
    )
    return entry("session.reopened", minute, body=event.SerializeToString())


def test_session_is_closed_from_its_end_until_the_reopening() -> None:
    facts = facts_of([reopened(20, 25), reopened(40, 41)], END)
    assert facts.closures == [period(20, 25), period(40, 41)]


def test_uncovered_period_ends_with_the_end_before_a_reopening() -> None:
    uncovered = session.SessionUncovered(uncovered_time=to_timestamp(at(10)))
    entries = [
        entry("session.uncovered", 10, body=uncovered.SerializeToString()),
        reopened(20, 25),
    ]
    assert facts_of(entries, END).uncovered == [period(10, 20)]


def test_changes_during_stops_and_decisions_about_returns_are_counted() -> None:
    first, second = (
        assessment.AttemptSavedDuringStop(change_count=count).SerializeToString()
        for count in (3, 4)
    )
    facts = facts_of(
        [
            entry("attempt.saved-during-stop", 5, LEARNER, first),
            entry("attempt.saved-during-stop", 9, LEARNER, second),
            entry("attempt.saved-during-stop", 9, OTHER, first),
            entry("participant.return-denied", 10, LEARNER),
            entry("participant.return-admitted", 11, LEARNER),
            entry("participant.return-admitted", 20, LEARNER),
        ],
        END,
    )
    assert facts.changes_during_stops == {LEARNER: 7, OTHER: 3}
    assert facts.admitted_returns == {LEARNER: 2}
    assert facts.denied_returns == {LEARNER: 1}


def test_reopened_attempt_is_not_submitted() -> None:
    attempt_id = str(UUID(int=7))
    submitted = assessment.AttemptSubmitted(attempt_id=attempt_id).SerializeToString()
    again = assessment.AttemptReopened(attempt_id=attempt_id).SerializeToString()
    entries = [
        entry("attempt.submitted", 20, LEARNER, submitted),
        entry("attempt.reopened", 25, LEARNER, again),
    ]
    assert facts_of(entries, END).submissions == {}
