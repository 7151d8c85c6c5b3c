"""Conversions of session reports to messages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from google.protobuf.duration_pb2 import Duration

from proctorium.assessment.v1.attempts_pb2 import SubmitCause
from proctorium.session.v1 import reports_pb2 as pb
from proctorium_common.messages import EnumConversion, id_text, to_timestamp
from proctorium_session.api.messages import (
    PARTICIPANT_STATES,
    PROGRESS_STATES,
    SESSION_STATES,
    incident_message,
)
from proctorium_session.domain.incidents import IncidentSeverity
from proctorium_session.domain.periods import Period, PeriodTotal
from proctorium_session.domain.report import (
    MAX_LISTED_INCIDENTS,
    AttemptReport,
    LeadChange,
    LearnerReport,
    NamedReport,
    ReportFormat,
)

REPORT_FORMATS = EnumConversion(ReportFormat, pb.ReportFormat, "REPORT_FORMAT_")


def report_message(named: NamedReport) -> pb.SessionReport:
    """Return a report as a message."""
    report, session = named.report, named.report.session
    plan = session.plan
    message = pb.SessionReport(
        session_id=str(session.session_id),
        title=plan.title,
        course_title=named.course_title,
        state=SESSION_STATES.to_proto(session.state),
        preliminary=report.preliminary,
        create_time=to_timestamp(report.created_at),
        planned=_period(Period(plan.start_time, plan.planned_end)),
        started_by=_optional_person(named, report.started_by),
        ended_by=_optional_person(named, session.ended_by),
        proctors=[_person(named, each) for each in plan.proctor_ids],
        lead_changes=[_lead_change(named, each) for each in report.lead_changes],
        pauses=map(_period, report.pauses),
        uncovered_periods=map(_period, report.uncovered),
        announcement_count=session.announcement_count,
        session_incidents=_incident_counts(report.incident_counts),
        assessments=[
            pb.ReportAssessment(
                assessment_id=str(each), title=named.assessment_titles.get(each, "")
            )
            for each in plan.assessment_ids
        ],
        learners=[_learner(named, each) for each in named.learners],
        incidents=map(incident_message, report.incidents[:MAX_LISTED_INCIDENTS]),
        incident_count=len(report.incidents),
        results_available=named.results is not None,
    )
    if session.actual_start_time is not None:
        message.actual.CopyFrom(_period(Period(session.actual_start_time, session.end_time)))
    return message


def _learner(named: NamedReport, learner: LearnerReport) -> pb.LearnerReport:
    message = pb.LearnerReport(
        learner=_person(named, learner.person_id),
        participant_id=id_text(learner.participant_id),
        removal_reason=learner.removal_reason,
        join_time=to_timestamp(learner.joined_at),
        in_session=_period(learner.in_session) if learner.in_session else None,
        removals=map(_period, learner.removals),
        time_in_session=_duration(learner.time_in_session),
        outages=_period_total(learner.outages),
        admitted_return_count=learner.admitted_return_count,
        denied_return_count=learner.denied_return_count,
        pauses=_period_total(learner.pauses),
        own_pause_count=learner.own_pause_count,
        breaks=_period_total(learner.breaks),
        break_overrun_count=learner.break_overrun_count,
        changes_during_stops=learner.changes_during_stops,
        extra_time=_duration(learner.extra_time),
        hand_count=learner.hand_count,
        message_count=learner.message_count,
        incidents=_incident_counts(learner.incident_counts),
        attempts=[_attempt(named, each) for each in learner.attempts],
    )
    if learner.state is not None:
        message.state = PARTICIPANT_STATES.to_proto(learner.state)
    return message


def _attempt(named: NamedReport, attempt: AttemptReport) -> pb.AttemptReport:
    submission, result = attempt.submission, named.result_of(attempt)
    return pb.AttemptReport(
        assessment_id=str(attempt.assessment_id),
        state=PROGRESS_STATES.to_proto(attempt.state),
        start_time=to_timestamp(attempt.started_at),
        submit_time=to_timestamp(submission.submitted_at if submission else None),
        submit_cause=SubmitCause.ValueType(submission.cause if submission else 0),
        answered_count=attempt.answered_count,
        item_count=attempt.item_count,
        result=pb.ReportResult(
            points=result.points, points_possible=result.points_possible, passed=result.passed
        )
        if result
        else None,
    )


def _lead_change(named: NamedReport, change: LeadChange) -> pb.LeadChange:
    return pb.LeadChange(
        change_time=to_timestamp(change.changed_at),
        former_lead=_person(named, change.former_lead_id),
        new_lead=_person(named, change.new_lead_id),
        taken=change.taken,
    )


def _optional_person(named: NamedReport, person_id: UUID | None) -> pb.ReportPerson | None:
    return None if person_id is None else _person(named, person_id)


def _person(named: NamedReport, person_id: UUID) -> pb.ReportPerson:
    return pb.ReportPerson(person_id=str(person_id), name=named.names.get(person_id, ""))


def _period(period: Period) -> pb.ReportPeriod:
    return pb.ReportPeriod(start_time=to_timestamp(period.start), end_time=to_timestamp(period.end))


def _period_total(periods: PeriodTotal) -> pb.PeriodTotal:
    return pb.PeriodTotal(count=periods.count, total=_duration(periods.total))


def _incident_counts(counts: Mapping[IncidentSeverity, int]) -> pb.IncidentCounts:
    return pb.IncidentCounts(
        note_count=counts.get(IncidentSeverity.NOTE, 0),
        warning_count=counts.get(IncidentSeverity.WARNING, 0),
        serious_count=counts.get(IncidentSeverity.SERIOUS, 0),
    )


def _duration(duration: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(duration)
    return message
