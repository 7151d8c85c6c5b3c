"""The report of a session (`S16`): what happened, computed from stored facts.

A report is not stored, but computed again for each request.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proctorium_session.domain.errors import failed_precondition
from proctorium_session.domain.incidents import Incident, IncidentSeverity
from proctorium_session.domain.participants import Participant, ParticipantView, ShownState
from proctorium_session.domain.participants import shown_state as shown_state_of
from proctorium_session.domain.periods import (
    NO_PERIODS,
    Period,
    PeriodTotal,
    between,
    total_of,
    without,
)
from proctorium_session.domain.progress import ProgressState
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import Session

IncidentCounts = Mapping[UUID | None, Mapping[IncidentSeverity, int]]
"""The numbers of incidents by participant and severity. The key None is for incidents of the whole session."""

MAX_LISTED_INCIDENTS = 200
"""The maximum number of incidents that a report lists. The incident counts include all incidents."""


class ReportFormat(StrEnum):
    """The formats of an exported report."""

    PDF = "pdf"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class TakenBreak:
    """A break that a learner started. `overrun` says whether an overrun was recorded."""

    period: Period
    overrun: bool


@dataclass(frozen=True, slots=True)
class LeadChange:
    """A change of the lead proctor. `taken` is False if the session was handed over."""

    changed_at: datetime
    former_lead_id: UUID
    new_lead_id: UUID
    taken: bool


@dataclass(frozen=True, slots=True)
class Submission:
    """The submission of an attempt. `cause` is a number of the enum `SubmitCause` of assessment."""

    submitted_at: datetime
    cause: int


@dataclass(frozen=True, slots=True)
class Result:
    """A released result of an attempt."""

    points: float
    points_possible: float
    passed: bool


@dataclass(frozen=True, slots=True)
class RecordedFacts:
    """The facts of the session record that a report needs.

    `removals` contains the periods from each removal of a participant to the readmission, in order. `closures` contains
    the periods in which the session was over, until it was reopened. `own_closures` contains the periods in which it
    was over for one participant, until the end was undone. The keys of `started_attempts` and `submissions` are the ids
    of attempts. `changes_during_stops` contains the numbers of changes of answers that were received during stops.
    `admitted_returns` and `denied_returns` contain the numbers of decisions about returns from outages. The keys of
    these numbers are the ids of participants.
    """

    started_by: UUID | None = None
    removals: Mapping[UUID, Sequence[Period]] = field(default_factory=dict)
    closures: Sequence[Period] = ()
    own_closures: Mapping[UUID, Sequence[Period]] = field(default_factory=dict)
    uncovered: Sequence[Period] = ()
    lead_changes: Sequence[LeadChange] = ()
    started_attempts: Mapping[UUID, datetime] = field(default_factory=dict)
    submissions: Mapping[UUID, Submission] = field(default_factory=dict)
    changes_during_stops: Mapping[UUID, int] = field(default_factory=dict)
    admitted_returns: Mapping[UUID, int] = field(default_factory=dict)
    denied_returns: Mapping[UUID, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """The stored facts about a session from which its report is computed.

    `invited_ids` are the ids of the invited learners. The keys of `pauses`, `breaks`, `outages` and `hand_counts` are
    the ids of participants. In `pauses`, the key None is for the pauses of the whole session. `incidents` are ordered
    by the time of creation.
    """

    session: Session
    views: Sequence[ParticipantView]
    invited_ids: Collection[UUID]
    pauses: Mapping[UUID | None, Sequence[Period]]
    breaks: Mapping[UUID, Sequence[TakenBreak]]
    outages: Mapping[UUID, Sequence[Period]]
    hand_counts: Mapping[UUID, int]
    incidents: Sequence[Incident]
    recorded: RecordedFacts


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """The newest attempt of a learner at an assessment."""

    assessment_id: UUID
    attempt_id: UUID
    state: ProgressState
    started_at: datetime | None
    submission: Submission | None
    answered_count: int
    item_count: int


@dataclass(frozen=True, slots=True)
class LearnerReport:
    """The part of a report about one learner.

    `state` is None if the session is not over and the learner has not joined. `in_session` is None if the learner was
    never in the session. `removals` are the periods in `in_session` from a removal to the readmission.
    `time_in_session` is the length of `in_session` without these periods, and without the periods in which the session
    was over until it was reopened.
    """

    person_id: UUID
    participant_id: UUID | None
    state: ShownState | None
    removal_reason: str = ""
    joined_at: datetime | None = None
    in_session: Period | None = None
    removals: Sequence[Period] = ()
    time_in_session: timedelta = timedelta()
    outages: PeriodTotal = NO_PERIODS
    admitted_return_count: int = 0
    denied_return_count: int = 0
    pauses: PeriodTotal = NO_PERIODS
    own_pause_count: int = 0
    breaks: PeriodTotal = NO_PERIODS
    break_overrun_count: int = 0
    changes_during_stops: int = 0
    extra_time: timedelta = timedelta()
    hand_count: int = 0
    message_count: int = 0
    incident_counts: Mapping[IncidentSeverity, int] = field(default_factory=dict)
    attempts: Sequence[AttemptReport] = ()


@dataclass(frozen=True, slots=True)
class SessionReport:
    """The report of a session at the time `created_at`, without names and results."""

    session: Session
    created_at: datetime
    started_by: UUID | None
    lead_changes: Sequence[LeadChange]
    pauses: Sequence[Period]
    uncovered: Sequence[Period]
    incident_counts: Mapping[IncidentSeverity, int]
    learners: Sequence[LearnerReport]
    incidents: Sequence[Incident]

    @property
    def preliminary(self) -> bool:
        """Whether the session is not over, so that the report can still change."""
        return self.session.state is not SessionState.ENDED


def require_started(session: Session) -> None:
    """Raise SESSION_NOT_STARTED unless the session was started."""
    if session.actual_start_time is None:
        raise failed_precondition(
            "SESSION_NOT_STARTED",
            "This session was not started, so there is nothing to report.",
        )


def make_report(facts: SessionFacts, now: datetime) -> SessionReport:
    """Return the report of a session that was started."""
    session, recorded = facts.session, facts.recorded
    incident_counts = _count_incidents(facts.incidents)
    joined = {view.participant.person_id for view in facts.views}
    absent = sorted(set(facts.invited_ids) - joined)
    return SessionReport(
        session=session,
        created_at=now,
        started_by=recorded.started_by,
        lead_changes=recorded.lead_changes,
        pauses=_pauses_of(facts, None),
        uncovered=recorded.uncovered,
        incident_counts=incident_counts.get(None, {}),
        learners=[
            *(_learner_report(facts, incident_counts, view, now) for view in facts.views),
            *(LearnerReport(each, None, _absent_state(session)) for each in absent),
        ],
        incidents=facts.incidents,
    )


def _learner_report(
    facts: SessionFacts, incident_counts: IncidentCounts, view: ParticipantView, now: datetime
) -> LearnerReport:
    participant, recorded = view.participant, facts.recorded
    participant_id = participant.participant_id
    present = _in_session(facts, participant)
    closures = [*recorded.closures, *recorded.own_closures.get(participant_id, ())]
    within = [part for each in present for part in without(each, closures)]
    own = _pauses_of(facts, participant_id)
    outages = facts.outages.get(participant_id, ())
    breaks = facts.breaks.get(participant_id, ())
    return LearnerReport(
        person_id=participant.person_id,
        participant_id=participant_id,
        state=shown_state_of(facts.session, participant),
        removal_reason=participant.removal_reason,
        joined_at=participant.join_time,
        in_session=Period(present[0].start, present[-1].end) if present else None,
        removals=between(present),
        time_in_session=total_of(within, within, now).total,
        outages=total_of(outages, within, now),
        admitted_return_count=recorded.admitted_returns.get(participant_id, 0),
        denied_return_count=recorded.denied_returns.get(participant_id, 0),
        pauses=total_of([*own, *_pauses_of(facts, None)], within, now),
        own_pause_count=total_of(own, within, now).count,
        breaks=total_of([each.period for each in breaks], within, now),
        break_overrun_count=sum(each.overrun for each in breaks),
        changes_during_stops=recorded.changes_during_stops.get(participant_id, 0),
        extra_time=participant.extra_time,
        hand_count=facts.hand_counts.get(participant_id, 0),
        message_count=participant.conversation.message_count,
        incident_counts=incident_counts.get(participant_id, {}),
        attempts=_attempts(facts.session, view, recorded),
    )


def _in_session(facts: SessionFacts, participant: Participant) -> list[Period]:
    """Return the periods in which the participant was in the session, in order.

    The last period ends with the session, or earlier if the session was ended for the participant or the participant is
    removed.
    """
    if participant.entered_time is None:
        return []
    end = participant.ending.ended_at if participant.ending else facts.session.end_time
    removals = facts.recorded.removals.get(participant.participant_id, ())
    return without(Period(participant.entered_time, end), removals)


def _pauses_of(facts: SessionFacts, participant_id: UUID | None) -> list[Period]:
    """Return the pauses of a participant, or of the whole session for None. Open pauses end with the session."""
    session_end = facts.session.end_time
    return [
        Period(each.start, session_end) if each.end is None else each
        for each in facts.pauses.get(participant_id, ())
    ]


def _count_incidents(incidents: Iterable[Incident]) -> IncidentCounts:
    counts: defaultdict[UUID | None, Counter[IncidentSeverity]] = defaultdict(Counter)
    for each in incidents:
        counts[each.participant_id][each.severity] += 1
    return counts


def _attempts(
    session: Session, view: ParticipantView, recorded: RecordedFacts
) -> list[AttemptReport]:
    return [
        AttemptReport(
            assessment_id=progress.assessment_id,
            attempt_id=progress.attempt_id,
            state=progress.state,
            started_at=recorded.started_attempts.get(progress.attempt_id),
            submission=recorded.submissions.get(progress.attempt_id),
            answered_count=progress.answered_count,
            item_count=progress.item_count,
        )
        for progress in map(view.progress, session.plan.assessment_ids)
        if progress.attempt_id is not None
    ]


def _absent_state(session: Session) -> ShownState | None:
    return ShownState.NO_SHOW if session.state is SessionState.ENDED else None


@dataclass(frozen=True, slots=True)
class NamedReport:
    """A report with the names, titles and results from other services.

    `names` omits the people whose names the reader may not see. `course_title` and `assessment_titles` are empty if the
    titles are unknown. `results` contains the released results by attempt id, or is None if the results are not
    available.
    """

    report: SessionReport
    names: Mapping[UUID, str]
    organisation: str
    course_title: str
    assessment_titles: Mapping[UUID, str]
    results: Mapping[UUID, Result] | None

    @property
    def learners(self) -> Sequence[LearnerReport]:
        """The learners, ordered by name."""
        return sorted(
            self.report.learners,
            key=lambda each: (self.names.get(each.person_id, "").casefold(), each.person_id),
        )

    def result_of(self, attempt: AttemptReport) -> Result | None:
        """Return the released result of an attempt, or None."""
        return None if self.results is None else self.results.get(attempt.attempt_id)


def people_of(report: SessionReport, *, with_administrators: bool) -> frozenset[UUID]:
    """Return the ids of the people whose names the reader of a report may see.

    `with_administrators` says whether the reader may see names of administrators who are not proctors of the session.
    """
    visible = {*report.session.plan.proctor_ids, *(each.person_id for each in report.learners)}
    if with_administrators:
        acting = {report.started_by, report.session.ended_by}
        acting |= {each.author.person_id for each in report.incidents}
        visible |= {each for each in acting if each is not None}
    return frozenset(visible)
