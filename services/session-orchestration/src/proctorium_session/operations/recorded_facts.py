"""Reading the facts that a report needs from the session record."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from proctorium.assessment.events.v1 import events_pb2 as assessment
from proctorium.session.events.v1 import events_pb2 as session
from proctorium_common.messages import from_timestamp
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.periods import Period, gaps_of
from proctorium_session.domain.record import Entry
from proctorium_session.domain.report import LeadChange, RecordedFacts, Submission
from proctorium_session.storage import record


async def read_facts(
    tx: Transaction, session_id: UUID, session_end: datetime | None
) -> RecordedFacts:
    """Return the facts of the session record. An uncovered period ends with the session at the latest."""
    entries = await record.list_entries_of_events(tx, session_id, _EVENTS)
    return facts_of(entries, session_end)


def facts_of(entries: Sequence[Entry], session_end: datetime | None) -> RecordedFacts:
    """Return the facts in `entries`, which are entries of a session record in order."""
    facts = _Facts()
    for entry in entries:
        facts.add(entry)
    return RecordedFacts(
        started_by=facts.started_by,
        removals={each: gaps_of(changes) for each, changes in facts.admissions.items()},
        closures=facts.closures,
        own_closures=facts.own_closures,
        uncovered=[Period(each.start, each.end or session_end) for each in gaps_of(facts.coverage)],
        lead_changes=facts.lead_changes,
        started_attempts=facts.started_attempts,
        submissions=facts.submissions,
        changes_during_stops=facts.changes_during_stops,
        admitted_returns=facts.admitted_returns,
        denied_returns=facts.denied_returns,
    )


@dataclass(slots=True)
class _Facts:
    """The facts in the entries that were added.

    `admissions` contains the times at which each participant was readmitted (True) or removed (False). `coverage`
    contains the times at which the session became covered (True) or uncovered (False). `closures` contains the periods
    in which the session was over, until it was reopened. `own_closures` contains such periods of single participants.
    """

    started_by: UUID | None = None
    admissions: defaultdict[UUID, list[tuple[datetime, bool]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    coverage: list[tuple[datetime, bool]] = field(default_factory=list)
    closures: list[Period] = field(default_factory=list)
    own_closures: defaultdict[UUID, list[Period]] = field(default_factory=lambda: defaultdict(list))
    lead_changes: list[LeadChange] = field(default_factory=list)
    started_attempts: dict[UUID, datetime] = field(default_factory=dict)
    submissions: dict[UUID, Submission] = field(default_factory=dict)
    changes_during_stops: Counter[UUID] = field(default_factory=Counter)
    admitted_returns: Counter[UUID] = field(default_factory=Counter)
    denied_returns: Counter[UUID] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Add the facts of the next entry. An entry of an event that is not in `_EVENTS` is ignored."""
        content = entry.content
        match content.event, content.participant_id:
            case "session.started", _:
                self.started_by = UUID(content.actor)
            case "session.uncovered" | "session.covered", _:
                self._add_coverage(content.event, content.body)
            case "session.taken" | "session.handed-over", _:
                self._add_lead_change(content.event, content.time, content.body)
            case "session.reopened", _:
                self._add_reopening(session.SessionReopened.FromString(content.body))
            case "participant.end-undone", UUID() as participant_id:
                undone = session.ParticipantEndUndone.FromString(content.body)
                period = Period(from_timestamp(undone.end_time), from_timestamp(undone.undo_time))
                self.own_closures[participant_id].append(period)
            case "participant.removed" | "participant.readmitted", UUID() as participant_id:
                is_readmitted = content.event == "participant.readmitted"
                self.admissions[participant_id].append((content.time, is_readmitted))
            case (
                "participant.return-admitted" | "participant.return-denied",
                UUID() as participant_id,
            ):
                is_admitted = content.event == "participant.return-admitted"
                decided = self.admitted_returns if is_admitted else self.denied_returns
                decided[participant_id] += 1
            case "attempt.saved-during-stop", UUID() as participant_id:
                saved = assessment.AttemptSavedDuringStop.FromString(content.body)
                self.changes_during_stops[participant_id] += saved.change_count
            case "attempt.started", _:
                started = assessment.AttemptStarted.FromString(content.body)
                self.started_attempts[UUID(started.attempt_id)] = content.time
            case "attempt.submitted", _:
                submitted = assessment.AttemptSubmitted.FromString(content.body)
                self.submissions[UUID(submitted.attempt_id)] = Submission(
                    content.time, submitted.cause
                )
            case "attempt.reopened", _:
                again = assessment.AttemptReopened.FromString(content.body)
                self.submissions.pop(UUID(again.attempt_id), None)

    def _add_reopening(self, event: session.SessionReopened) -> None:
        end = from_timestamp(event.end_time)
        self.closures.append(Period(end, from_timestamp(event.reopen_time)))
        # The end of a session also ends the period in which it is uncovered, without an event.
        self.coverage.append((end, True))

    def _add_coverage(self, event: str, body: bytes) -> None:
        if event == "session.covered":
            covered = session.SessionCovered.FromString(body)
            self.coverage.append((from_timestamp(covered.covered_time), True))
        else:
            uncovered = session.SessionUncovered.FromString(body)
            self.coverage.append((from_timestamp(uncovered.uncovered_time), False))

    def _add_lead_change(self, event: str, time: datetime, body: bytes) -> None:
        is_taken = event == "session.taken"
        change = (
            session.SessionTaken.FromString(body)
            if is_taken
            else session.SessionHandedOver.FromString(body)
        )
        former, new = UUID(change.former_lead_proctor_id), UUID(change.proctor_ids[0])
        self.lead_changes.append(LeadChange(time, former, new, is_taken))


_EVENTS = frozenset(
    {
        "session.started",
        "session.uncovered",
        "session.covered",
        "session.taken",
        "session.handed-over",
        "session.reopened",
        "participant.end-undone",
        "participant.removed",
        "participant.readmitted",
        "participant.return-admitted",
        "participant.return-denied",
        "attempt.saved-during-stop",
        "attempt.started",
        "attempt.submitted",
        "attempt.reopened",
    }
)
