"""The harness of the integration tests: the service, the people who call it and the seats of learners in sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from proctorium.assessment.v1 import (
    assessments_pb2,
    assessments_pb2_grpc,
    attempts_pb2,
    attempts_pb2_grpc,
    grading_pb2_grpc,
    items_pb2,
    results_pb2_grpc,
)
from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.session.events.v1 import events_pb2 as session_events
from proctorium_assessment.__main__ import build
from proctorium_assessment.settings import Settings
from proctorium_common.ids import new_id
from proctorium_devstack.testing import Servers
from proctorium_devstack.testing import harness as testing
from proctorium_devstack.testing.clock import MovableClock
from proctorium_devstack.testing.enrollment import FakeEnrollment

from ..builders import RIGHT, assessment_proto

_STATE = (
    ("assessments", "t"),
    ("attempts", "(t.attempt_id, t.state, t.version, t.chain_head, t.last_sequence)"),
    ("answer_revisions", "t"),
    ("time_events", "t"),
    ("time_event_counts", "t"),
    ("results", "t"),
    ("releases", "t"),
    ("certificates", "(t.certificate_id, t.registration_id)"),
    ("sessions", "t"),
)


class Person(testing.Person):
    """A person who calls the service."""

    def __init__(self, harness: Harness, *roles: str, person_id: UUID | None = None) -> None:
        super().__init__(harness, *roles, person_id=person_id)
        self.assessments = assessments_pb2_grpc.AssessmentServiceStub(self.channel)
        self.attempts = attempts_pb2_grpc.AttemptServiceStub(self.channel)
        self.results = results_pb2_grpc.ResultServiceStub(self.channel)
        self.grading = grading_pb2_grpc.GradingServiceStub(self.channel)
        self.certificates = results_pb2_grpc.CertificateServiceStub(self.channel)
        self.transcripts = results_pb2_grpc.TranscriptServiceStub(self.channel)


@dataclass
class Seat:
    """The seat of a learner in a session. Its methods handle the events about the learner and call the service."""

    learner: Person
    session_id: UUID
    assessment_id: UUID
    course_id: UUID
    proctor_id: UUID
    participant_id: UUID = field(default_factory=new_id)
    attempt_id: str = ""
    items: list[items_pb2.Item] = field(default_factory=list)

    def scheduled(self) -> session_events.SessionScheduled:
        return session_events.SessionScheduled(
            session_id=str(self.session_id),
            course_id=str(self.course_id),
            assessment_ids=[str(self.assessment_id)],
            proctor_ids=[str(self.proctor_id)],
        )

    def joined(self, *, identity_required: bool = True) -> session_events.ParticipantJoined:
        return session_events.ParticipantJoined(
            participant_id=str(self.participant_id),
            session_id=str(self.session_id),
            person_id=str(self.learner.person_id),
            course_id=str(self.course_id),
            assessment_ids=[str(self.assessment_id)],
            identity_required=identity_required,
        )

    def ready(self) -> session_events.ParticipantReady:
        return session_events.ParticipantReady(
            participant_id=str(self.participant_id),
            session_id=str(self.session_id),
            person_id=str(self.learner.person_id),
        )

    def authorized(self, revision: int = 1) -> session_events.ParticipantAssessmentAuthorized:
        return session_events.ParticipantAssessmentAuthorized(
            participant_id=str(self.participant_id),
            session_id=str(self.session_id),
            person_id=str(self.learner.person_id),
            assessment_id=str(self.assessment_id),
            authorized_by=str(self.proctor_id),
            authorization_revision=revision,
        )

    def withdrawn(self, revision: int) -> session_events.ParticipantAuthorizationWithdrawn:
        return session_events.ParticipantAuthorizationWithdrawn(
            participant_id=str(self.participant_id),
            session_id=str(self.session_id),
            person_id=str(self.learner.person_id),
            assessment_id=str(self.assessment_id),
            withdrawn_by=str(self.proctor_id),
            authorization_revision=revision,
        )

    def removed(
        self, at: datetime | None = None, removal_id: UUID | None = None
    ) -> session_events.ParticipantRemoved:
        event = session_events.ParticipantRemoved(
            participant_id=str(self.participant_id),
            session_id=str(self.session_id),
            person_id=str(self.learner.person_id),
            removed_by=str(self.proctor_id),
            removal_id=str(removal_id or self.participant_id),
        )
        event.removal_time.FromDatetime(at or datetime.now(UTC))
        return event

    def readmitted(
        self, at: datetime, removal_id: UUID | None = None
    ) -> session_events.ParticipantReadmitted:
        event = session_events.ParticipantReadmitted(
            participant_id=str(self.participant_id),
            session_id=str(self.session_id),
            person_id=str(self.learner.person_id),
            readmitted_by=str(self.proctor_id),
            removal_id=str(removal_id or self.participant_id),
        )
        event.readmission_time.FromDatetime(at)
        return event

    def ended_for(
        self, *, removed: bool = False, at: datetime | None = None, ending_id: UUID | None = None
    ) -> session_events.ParticipantEnded:
        """Return the event which reports that the session was ended for this learner."""
        event = session_events.ParticipantEnded(
            participant_id=str(self.participant_id),
            session_id=str(self.session_id),
            person_id=str(self.learner.person_id),
            ended_by=str(self.proctor_id),
            ending_id=str(ending_id or new_id()),
            removed=removed,
        )
        event.end_time.FromDatetime(at or datetime.now(UTC))
        return event

    def end_undone(
        self, ended_at: datetime, at: datetime, *, ending_id: UUID | None = None
    ) -> session_events.ParticipantEndUndone:
        """Return the event which reports that the end of the session for this learner was undone."""
        event = session_events.ParticipantEndUndone(
            participant_id=str(self.participant_id),
            session_id=str(self.session_id),
            person_id=str(self.learner.person_id),
            undone_by=str(self.proctor_id),
            ending_id=str(ending_id or new_id()),
        )
        event.end_time.FromDatetime(ended_at)
        event.undo_time.FromDatetime(at)
        return event

    def ended(
        self,
        at: datetime | None = None,
        *,
        removed: bool = False,
        own_events: int = 0,
        common_events: int = 0,
        reopen_until: datetime | None = None,
    ) -> session_events.SessionEnded:
        """Return the event which reports that the session ended, with the numbers of time events.

        `removed` says whether this learner is removed. The proctors can reopen the session until `reopen_until`.
        """
        event = session_events.SessionEnded(
            ended_by=str(self.proctor_id),
            session_id=str(self.session_id),
            course_id=str(self.course_id),
            time_event_count=common_events,
        )
        event.attendances.add(
            participant_id=str(self.participant_id),
            person_id=str(self.learner.person_id),
            attended=True,
            removed=removed,
            time_event_count=own_events,
        )
        event.end_time.FromDatetime(at or datetime.now(UTC))
        if reopen_until is not None:
            event.reopen_end_time.FromDatetime(reopen_until)
        return event

    def reopened(self, ended_at: datetime, at: datetime) -> session_events.SessionReopened:
        """Return the event which reports that the session, which had ended, was reopened."""
        event = session_events.SessionReopened(
            session_id=str(self.session_id),
            reopened_by=str(self.proctor_id),
            reopening_id=str(new_id()),
            person_ids=[str(self.learner.person_id)],
        )
        event.end_time.FromDatetime(ended_at)
        event.reopen_time.FromDatetime(at)
        return event

    def finalized(self) -> session_events.SessionFinalized:
        """Return the event which reports that the proctors can no longer reopen the session."""
        return session_events.SessionFinalized(session_id=str(self.session_id))

    def change(
        self, sequence: int, item: int, answer: items_pb2.Answer | None = None
    ) -> attempts_pb2.AnswerChange:
        """Return a change of the answer to the item with the index `item`.

        If `answer` is None, the change has the correct answer.
        """
        return attempts_pb2.AnswerChange(
            sequence=sequence,
            item_id=self.items[item].item_id,
            answer=RIGHT[item] if answer is None else answer,
        )

    async def save(self, *changes: attempts_pb2.AnswerChange) -> attempts_pb2.Receipt:
        request = attempts_pb2.SaveAnswersRequest(attempt_id=self.attempt_id, changes=changes)
        return (await self.learner.attempts.SaveAnswers(request)).receipt

    async def start(self) -> attempts_pb2.Attempt:
        request = attempts_pb2.StartAttemptRequest(attempt_id=self.attempt_id)
        started = (await self.learner.attempts.StartAttempt(request)).attempt
        self.items = list(started.items)
        return started

    async def submit(self) -> attempts_pb2.Attempt:
        request = attempts_pb2.SubmitAttemptRequest(attempt_id=self.attempt_id)
        return (await self.learner.attempts.SubmitAttempt(request)).attempt

    async def attempt(self) -> attempts_pb2.Attempt:
        request = attempts_pb2.GetAttemptRequest(attempt_id=self.attempt_id)
        return (await self.learner.attempts.GetAttempt(request)).attempt


class Harness(testing.ServiceHarness[Settings]):
    """The service, a fake of enrollment, and a clock that tests set."""

    clock: MovableClock
    administrator: Person
    rows_of_calls = " UNION ALL ".join(
        f"SELECT '{table}', md5(string_agg({row}::text, ',' ORDER BY {row}::text)) FROM {table} AS t"
        for table, row in _STATE
    )

    def __init__(self, servers: Servers, enrollment: FakeEnrollment) -> None:
        super().__init__(
            Settings,
            build,
            servers,
            [enrollment],
            clock=MovableClock(),
            public_url="https://exams.example.org",
            check_every=0.05,
            worker_interval=0.05,
            progress_interval=0.1,
        )
        self.enrollment = enrollment

    async def prepare(self) -> None:
        self.administrator = self.person("administrator")

    def register(self, person: Person, name: str) -> None:
        """Store the legal name of a person in the fake of enrollment."""
        self.enrollment.registered[person.id] = (name, "2001-04-17")

    def person(self, *roles: str, person_id: UUID | None = None) -> Person:
        """Return a person with the roles `roles`, or a learner if no roles are given."""
        return Person(self, *(roles or ("learner",)), person_id=person_id)

    async def publish_assessment(
        self, assessment: assessments_pb2.Assessment
    ) -> assessments_pb2.Assessment:
        """Create and publish an assessment, and return it."""
        stub = self.administrator.assessments
        created = await stub.CreateAssessment(
            assessments_pb2.CreateAssessmentRequest(assessment=assessment)
        )
        published = await stub.PublishAssessment(
            assessments_pb2.PublishAssessmentRequest(assessment_id=created.assessment.assessment_id)
        )
        return published.assessment

    async def certify(self, person: Person, until: timedelta = timedelta(days=365)) -> None:
        """Handle the event which reports that the person is certified from now on for the duration `until`."""
        event = enrollment_events.PersonCertified(person_id=str(person.person_id))
        event.certified_until_time.FromDatetime(self.clock() + until)
        await self.handle(event)

    async def proctor_of(self, seat: Seat) -> Person:
        """Return a certified proctor of the seat's session."""
        proctor = self.person("proctor", person_id=seat.proctor_id)
        await self.certify(proctor)
        return proctor

    def rewind(self) -> None:
        """Set the stream position back, so that the next event is older than all events that were handled before."""
        self.position -= 1000

    async def publish_course(
        self, course_id: UUID, title: str, hours: float, *assessment_ids: str
    ) -> None:
        """Handle the event which reports that a course was published."""
        await self.handle(
            enrollment_events.CoursePublished(
                course_id=str(course_id), title=title, hours=hours, assessment_ids=assessment_ids
            )
        )

    def seat(self, assessment_id: str, *, learner: Person | None = None) -> Seat:
        """Return the seat of a learner who has not joined the session yet."""
        return Seat(
            learner or self.person(), new_id(), UUID(assessment_id), new_id(), proctor_id=new_id()
        )

    async def joined(self, **assessment: Any) -> Seat:
        """Return the seat of a learner who has joined the session and is not authorised yet."""
        published = await self.publish_assessment(assessment_proto(**assessment))
        seat = self.seat(published.assessment_id)
        await self.handle(seat.scheduled())
        await self.handle(seat.joined())
        seat.attempt_id = (await self.attempts_of(seat))[0].attempt_id
        return seat

    async def authorized(self, **assessment: Any) -> Seat:
        """Return the seat of a learner who is authorised to start the attempt."""
        seat = await self.joined(**assessment)
        await self.handle(seat.authorized())
        return seat

    async def started(self, **assessment: Any) -> Seat:
        """Return the seat of a learner who has started the attempt."""
        seat = await self.authorized(**assessment)
        await seat.start()
        return seat

    async def submit_and_end(self, seat: Seat) -> None:
        """Submit the attempt of the seat, and end the session, so that the result is released."""
        await seat.submit()
        await self.handle(seat.ended())

    async def attempts_of(self, seat: Seat) -> list[attempts_pb2.Attempt]:
        request = attempts_pb2.ListAttemptsRequest(session_id=str(seat.session_id))
        return list((await self.administrator.attempts.ListAttempts(request)).attempts)
