"""Tests of ReportService: the report of a session as a message and as a file, and the rule for who may read it."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from pypdf import PdfReader

from proctorium.assessment.events.v1 import events_pb2 as assessment
from proctorium.assessment.v1 import attempts_pb2, results_pb2
from proctorium.session.v1 import (
    hands_pb2,
    incidents_pb2,
    lobby_pb2,
    messages_pb2,
    reports_pb2,
    sessions_pb2,
    supervision_pb2,
)
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import until

from .breaks import SECOND, come_back, policy, request, shown
from .breaks import started as started_break
from .harness import Harness, Person, end, join, plan, start
from .test_conversations import in_progress

PDF, CSV = reports_pb2.REPORT_FORMAT_PDF, reports_pb2.REPORT_FORMAT_CSV


async def report_of(person: Person, session_id: str) -> reports_pb2.SessionReport:
    request = reports_pb2.GetSessionReportRequest(session_id=session_id)
    return (await person.reports.GetSessionReport(request)).report


async def export(
    person: Person,
    session_id: str,
    format: reports_pb2.ReportFormat.ValueType = CSV,
    *,
    locale: str = "",
    time_zone: str = "",
) -> reports_pb2.ExportSessionReportResponse:
    request = reports_pb2.ExportSessionReportRequest(
        session_id=session_id, format=format, locale=locale, time_zone=time_zone
    )
    return await person.reports.ExportSessionReport(request)


async def refused(call: Awaitable[object], kind: Kind, reason: str) -> None:
    error = await refusal(call)
    assert (error.kind, error.reason) == (kind, reason)


async def started(harness: Harness, *learners: Person) -> tuple[Person, str]:
    """Return a proctor and the started session that the learners have joined. Everybody has a name."""
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor], learners))
    harness.enrollment.names |= {proctor.id: "Cy Proctor"}
    harness.enrollment.names |= {
        each.id: f"Learner {number}" for number, each in enumerate(learners, 1)
    }
    for learner in learners:
        await join(learner, session.session_id)
    await start(proctor, session.session_id)
    return proctor, session.session_id


async def test_report_contains_what_happened(harness: Harness) -> None:
    ada, absent = harness.learner(), harness.learner()
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor], [ada, absent]))
    session_id, plan_ = session.session_id, session.plan
    harness.enrollment.names |= {ada.id: "Ada", absent.id: "Zoe", proctor.id: "Cy"}
    joined = await join(ada, session_id)
    await start(proctor, session_id)
    participant_id = joined.participant.participant_id
    await pause_and_resume(proctor, session_id, [])
    await pause_and_resume(proctor, session_id, [participant_id])
    await proctor.supervision.GrantExtraTime(
        supervision_pb2.GrantExtraTimeRequest(
            session_id=session_id,
            participant_ids=[participant_id],
            amount=Duration(seconds=300),
            extra_time_reason="Alarm",
        )
    )
    await ada.hands.RaiseHand(
        hands_pb2.RaiseHandRequest(session_id=session_id, kind=hands_pb2.HAND_KIND_HELP)
    )
    await proctor.messages.SendMessage(
        messages_pb2.SendMessageRequest(
            session_id=session_id, participant_id=participant_id, text="Hello"
        )
    )
    for subject in ("", participant_id):
        await proctor.incidents.CreateIncident(
            incidents_pb2.CreateIncidentRequest(
                session_id=session_id,
                participant_id=subject,
                category_id="environment.noise",
                severity=incidents_pb2.INCIDENT_SEVERITY_SERIOUS,
                note="Alarm",
            )
        )
    attempt_id = await submitted(harness, session, participant_id, ada)
    harness.assessment.results = [
        results_pb2.Result(
            session_id=session_id,
            attempt_id=str(each),
            points=7.5,
            points_possible=10,
            passed=True,
        )
        for each in (new_id(), new_id(), attempt_id)
    ]
    assert (await report_of(proctor, session_id)).preliminary
    await end(proctor, session_id)

    report = await report_of(proctor, session_id)
    assert (report.title, report.course_title) == (plan_.title, "Fire safety")
    assert not report.preliminary
    assert report.results_available
    assert report.started_by.name == report.ended_by.name == report.proctors[0].name == "Cy"
    assert report.actual.start_time.ToDatetime() < report.actual.end_time.ToDatetime()
    assert len(report.pauses) == 1
    assert report.session_incidents.serious_count == 1
    assert [each.note for each in report.incidents] == ["Alarm", "Alarm"]
    one, other = report.learners
    assert (one.learner.name, one.state) == ("Ada", lobby_pb2.PARTICIPANT_STATE_COMPLETED)
    assert (one.pauses.count, one.own_pause_count) == (2, 1)
    assert one.extra_time.ToTimedelta() == timedelta(minutes=5)
    assert (one.hand_count, one.message_count, one.incidents.serious_count) == (1, 1, 1)
    assert one.changes_during_stops == 3
    assert one.in_session.end_time == report.actual.end_time
    (attempt,) = one.attempts
    assert attempt.start_time.ToDatetime() <= attempt.submit_time.ToDatetime()
    assert attempt.submit_cause == attempts_pb2.SUBMIT_CAUSE_LEARNER
    assert (attempt.answered_count, attempt.item_count) == (7, 10)
    assert (attempt.result.points, attempt.result.passed) == (7.5, True)
    assert (other.learner.name, other.state) == ("Zoe", lobby_pb2.PARTICIPANT_STATE_NO_SHOW)
    assert not other.HasField("join_time")


async def test_report_contains_breaks_with_their_overruns(harness: Harness) -> None:
    scene = await in_progress(harness, policy(3))
    on_break = await started_break(scene, SECOND)

    async def is_overrun() -> bool:
        return (await shown(scene)).latest_break.HasField("overrun_time")

    async with harness.replica():
        await until(is_overrun)
    taken = [await come_back(scene.learner, on_break)]
    taken.append(await come_back(scene.learner, await started_break(scene)))
    await request(scene.learner, scene)  # This break is never granted, so it does not count.
    await end(scene.proctor, scene.session_id)

    learners = (await report_of(scene.proctor, scene.session_id)).learners
    learner = next(each for each in learners if each.participant_id == scene.participant_id)
    lengths = [each.close_time.ToDatetime() - each.start_time.ToDatetime() for each in taken]
    assert (learner.breaks.count, learner.break_overrun_count) == (2, 1)
    assert learner.breaks.total.ToTimedelta() == sum(lengths, timedelta())
    assert learner.time_in_session.ToTimedelta() == length_of(learner.in_session)
    (other,) = (each for each in learners if each is not learner)
    assert (other.breaks.count, other.break_overrun_count) == (0, 0)
    (row,) = (
        each
        for each in rows_of(await export(scene.proctor, scene.session_id))
        if each["person_id"] == scene.learner.id
    )
    assert (row["breaks"], row["break_overruns"]) == ("2", "1")


async def test_removal_before_a_readmission_is_no_time_in_the_session(harness: Harness) -> None:
    scene = await in_progress(harness)
    supervision, participant_id = scene.proctor.supervision, scene.participant_id
    removal = supervision_pb2.RemoveParticipantsRequest(
        session_id=scene.session_id, participant_ids=[participant_id], removal_reason="Phone"
    )
    await supervision.RemoveParticipants(removal)
    await pause_and_resume(scene.proctor, scene.session_id, [])
    await supervision.ReadmitParticipants(
        supervision_pb2.ReadmitParticipantsRequest(
            session_id=scene.session_id, participant_ids=[participant_id]
        )
    )
    await pause_and_resume(scene.proctor, scene.session_id, [])
    await supervision.RemoveParticipants(removal)
    await end(scene.proctor, scene.session_id)

    report = await report_of(scene.proctor, scene.session_id)
    learner, other = sorted(report.learners, key=lambda each: each.participant_id != participant_id)
    (outside,) = learner.removals
    (one, last) = await harness.rows(
        "SELECT removed_at, readmitted_at FROM removals WHERE participant_id = :id"
        " ORDER BY removed_at",
        id=UUID(participant_id),
    )
    assert (utc(outside.start_time), utc(outside.end_time)) == (one.removed_at, one.readmitted_at)
    assert utc(learner.in_session.end_time) == last.removed_at
    inside = length_of(learner.in_session) - length_of(outside)
    assert learner.time_in_session.ToTimedelta() == inside
    assert (learner.pauses.count, other.pauses.count) == (1, 2)
    assert list(other.removals) == []


def length_of(period: reports_pb2.ReportPeriod) -> timedelta:
    return period.end_time.ToDatetime() - period.start_time.ToDatetime()


def utc(time: Timestamp) -> datetime:
    return time.ToDatetime(UTC)


def rows_of(file: reports_pb2.ExportSessionReportResponse) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"), newline="")))


async def pause_and_resume(proctor: Person, session_id: str, participant_ids: list[str]) -> None:
    await proctor.supervision.PauseParticipants(
        supervision_pb2.PauseParticipantsRequest(
            session_id=session_id, participant_ids=participant_ids, pause_reason="Alarm"
        )
    )
    await proctor.supervision.ResumeParticipants(
        supervision_pb2.ResumeParticipantsRequest(
            session_id=session_id, participant_ids=participant_ids
        )
    )


async def submitted(
    harness: Harness, session: sessions_pb2.Session, participant_id: str, learner: Person
) -> UUID:
    """Publish the events of a submitted attempt, and return its id."""
    attempt_id = new_id()
    ids: Any = {
        "attempt_id": str(attempt_id),
        "session_id": session.session_id,
        "participant_id": participant_id,
        "assessment_id": session.plan.assessment_ids[0],
    }
    for position, event in enumerate(
        (
            assessment.AttemptCreated(**ids, person_id=learner.id, item_count=10),
            assessment.AttemptStarted(**ids, deadline_time=None),
            assessment.AttemptSavedDuringStop(**ids, stop_id=str(new_id()), change_count=3),
            assessment.AttemptSubmitted(
                **ids, cause=attempts_pb2.SUBMIT_CAUSE_LEARNER, answered_count=7, item_count=10
            ),
        ),
        1,
    ):
        await harness.handle(event, position)
    return attempt_id


async def test_exported_csv_has_one_row_for_each_learner(harness: Harness) -> None:
    learners = harness.learner(), harness.learner()
    proctor, session_id = await started(harness, *learners)
    harness.enrollment.names[learners[0].id] = "=1+1"
    file = await export(proctor, session_id, time_zone="Asia/Kolkata")
    assert file.media_type == "text/csv; charset=utf-8"
    assert file.file_name == "report-Fire-safety-supervised.csv"
    rows = rows_of(file)
    assert [row["name"] for row in rows] == ["'=1+1", "Learner 2"]
    assert all(row["join_time"].endswith("+05:30") for row in rows)


@pytest.mark.parametrize(
    ("locale", "title"),
    [("", "Session report"), ("en", "Session report"), ("de", "Sitzungsbericht")],
)
async def test_exported_pdf_is_in_the_requested_language(
    harness: Harness, locale: str, title: str
) -> None:
    proctor, session_id = await started(harness, harness.learner())
    file = await export(proctor, session_id, PDF, locale=locale)
    assert (file.media_type, file.file_name[-4:]) == ("application/pdf", ".pdf")
    text = PdfReader(io.BytesIO(file.content)).pages[0].extract_text()
    assert title in text
    assert "Learner 1" in text


async def test_report_without_assessment_has_no_results(harness: Harness) -> None:
    proctor, session_id = await started(harness, harness.learner())
    async with harness.without(harness.assessment):
        report = await report_of(proctor, session_id)
        file = await export(proctor, session_id, PDF)
    assert not report.results_available
    assert len(report.learners) == 1
    text = PdfReader(io.BytesIO(file.content)).pages[0].extract_text()
    assert "not available at the moment" in text


async def test_report_without_enrollment_is_refused(harness: Harness) -> None:
    proctor, session_id = await started(harness, harness.learner())
    async with harness.without(harness.enrollment):
        await refused(report_of(proctor, session_id), Kind.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")


async def test_proctor_does_not_read_the_name_of_an_administrator(harness: Harness) -> None:
    administrator = harness.administrator()
    proctor, session_id = await started(harness, harness.learner())
    harness.enrollment.names[administrator.id] = "Max"
    await end(administrator, session_id)
    assert (await report_of(proctor, session_id)).ended_by.name == ""
    assert (await report_of(administrator, session_id)).ended_by.name == "Max"


async def test_each_access_is_logged(harness: Harness) -> None:
    administrator = harness.administrator()
    proctor, session_id = await started(harness, harness.learner())
    await report_of(proctor, session_id)
    await export(administrator, session_id)
    listed = await administrator.record.ListRecordAccesses(
        supervision_pb2.ListRecordAccessesRequest(session_id=session_id)
    )
    assert {each.person_id for each in listed.accesses} == {proctor.id, administrator.id}


async def test_session_that_was_not_started_has_no_report(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    for call in (report_of, export):
        await refused(
            call(proctor, session.session_id), Kind.INVALID_STATE_TRANSITION, "SESSION_NOT_STARTED"
        )


async def test_report_is_only_for_supervisors(harness: Harness) -> None:
    learner = harness.learner()
    _, session_id = await started(harness, learner)
    taking_part = harness.person("learner", "administrator")
    invited = await harness.scheduled(plan([harness.proctor()], [taking_part]))
    for call in (report_of, export):
        await refused(call(learner, session_id), Kind.NOT_ALLOWED, "NOT_ALLOWED")
        await refused(
            call(await harness.certified(), session_id), Kind.NOT_ALLOWED, "NOT_YOUR_SESSION"
        )
        await refused(call(taking_part, invited.session_id), Kind.NOT_ALLOWED, "NOT_YOUR_SESSION")
        await refused(call(harness.administrator(), str(new_id())), Kind.NOT_FOUND, "NOT_FOUND")


async def test_access_of_proctors_ends_with_the_access_period_and_the_certification(
    harness: Harness,
) -> None:
    proctor, session_id = await started(harness, harness.learner())
    await end(proctor, session_id)
    assert (await report_of(proctor, session_id)).learners
    await harness.rows(
        "UPDATE sessions SET end_time = end_time - interval '25 hours' WHERE session_id = :id",
        id=UUID(session_id),
    )
    await refused(report_of(proctor, session_id), Kind.NOT_ALLOWED, "RECORD_CLOSED")
    await harness.rows(
        "UPDATE sessions SET end_time = end_time + interval '25 hours' WHERE session_id = :id",
        id=UUID(session_id),
    )
    await harness.rows(
        "UPDATE certifications SET certified_until = now() - interval '1 second'"
        " WHERE person_id = :id",
        id=proctor.person_id,
    )
    await refused(report_of(proctor, session_id), Kind.NOT_ALLOWED, "CERTIFICATION_ENDED")


async def test_unknown_time_zone_and_format_are_refused(harness: Harness) -> None:
    proctor, session_id = await started(harness, harness.learner())
    for zone in ("Mars/Olympus", "../etc/passwd", "/etc/passwd"):
        await refused(
            export(proctor, session_id, time_zone=zone), Kind.INVALID, "TIME_ZONE_UNKNOWN"
        )
    for bad in (
        {"format": reports_pb2.REPORT_FORMAT_UNSPECIFIED},
        {"format": 9},
        {"format": PDF, "locale": "fr"},
    ):
        await refused(
            proctor.reports.ExportSessionReport(
                reports_pb2.ExportSessionReportRequest(session_id=session_id, **bad)
            ),
            Kind.INVALID,
            "INVALID_REQUEST",
        )
