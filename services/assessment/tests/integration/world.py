"""A running service on a real database and broker, and stubs for the people and services around it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from google.protobuf.message import Message

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
from proctorium_access import certifications
from proctorium_assessment.__main__ import build
from proctorium_assessment.settings import Settings
from proctorium_assessment.subscribers import courses as course_handlers
from proctorium_assessment.subscribers import sessions as session_handlers
from proctorium_common.clock import utc_now
from proctorium_common.errors import ServiceError
from proctorium_common.events.envelope import name_of
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import new_id
from proctorium_common.process.life import running
from proctorium_common.process.service import Service
from proctorium_common.rpc.client import Channel, channel
from proctorium_common.security.keys import KeyRing, SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.testing.refusals import refusal

from ..builders import RIGHT, assessment_proto

MASTER_KEY = base64.b64encode(bytes(range(32))).decode()

HANDLERS: Mapping[type[Message], Any] = {
    session_events.SessionScheduled: session_handlers.on_session_scheduled,
    session_events.SessionEnded: session_handlers.on_session_ended,
    session_events.ParticipantJoined: session_handlers.on_participant_joined,
    session_events.ParticipantReady: session_handlers.on_participant_ready,
    session_events.ParticipantAssessmentAuthorized: session_handlers.on_participant_assessment_authorized,
    session_events.ParticipantRemoved: session_handlers.on_participant_removed,
    enrollment_events.PersonCertified: certifications.on_certified,
    enrollment_events.PersonRoleRevoked: certifications.on_role_revoked,
    enrollment_events.CoursePublished: course_handlers.on_course_published,
    enrollment_events.RegistrationCompleted: course_handlers.on_registration_completed,
}


_KEPT = (
    ("assessments", "t"),
    ("attempts", "(t.attempt_id, t.state, t.version, t.chain_head, t.last_sequence)"),
    ("answer_revisions", "t"),
    ("time_ledger", "t"),
    ("results", "t"),
    ("releases", "t"),
    ("certificates", "(t.certificate_id, t.registration_id)"),
    ("sessions", "t"),
)


class MovableClock:
    """A clock that tests can move forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead

    def move(self, by: timedelta) -> None:
        self.ahead += by


class Person:
    """A person with a token, and the stubs that they call."""

    def __init__(self, world: World, *roles: str, person_id: UUID | None = None) -> None:
        self.person_id = person_id or new_id()
        token = TokenSigner(world.key, life=timedelta(hours=12)).sign(self.person_id, roles).text
        self.channel: Channel = world.channel(bearer=lambda: token)
        self.assessments = assessments_pb2_grpc.AssessmentServiceStub(self.channel)
        self.attempts = attempts_pb2_grpc.AttemptServiceStub(self.channel)
        self.results = results_pb2_grpc.ResultServiceStub(self.channel)
        self.grading = grading_pb2_grpc.GradingServiceStub(self.channel)
        self.certificates = results_pb2_grpc.CertificateServiceStub(self.channel)
        self.transcripts = results_pb2_grpc.TranscriptServiceStub(self.channel)


@dataclass
class Seat:
    """A learner in a session, and the events of session orchestration about them."""

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

    def authorized(self) -> session_events.ParticipantAssessmentAuthorized:
        return session_events.ParticipantAssessmentAuthorized(
            participant_id=str(self.participant_id),
            session_id=str(self.session_id),
            person_id=str(self.learner.person_id),
            assessment_id=str(self.assessment_id),
            authorized_by=str(self.proctor_id),
        )

    def removed(self) -> session_events.ParticipantRemoved:
        return session_events.ParticipantRemoved(
            participant_id=str(self.participant_id),
            session_id=str(self.session_id),
            person_id=str(self.learner.person_id),
            removed_by=str(self.proctor_id),
        )

    def ended(self) -> session_events.SessionEnded:
        event = session_events.SessionEnded(
            session_id=str(self.session_id), course_id=str(self.course_id)
        )
        event.end_time.FromDatetime(datetime.now(UTC))
        return event

    def change(
        self, sequence: int, item: int, answer: items_pb2.Answer | None = None
    ) -> attempts_pb2.AnswerChange:
        """Return a change of the answer to the item at the index `item`, by default to the correct answer."""
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


class World:
    """The service and its callers."""

    def __init__(
        self, service: Service[Settings], key: SigningKey, clock: MovableClock, nats: Nats
    ) -> None:
        self.service = service
        self.key = key
        self.clock = clock
        self.nats = nats
        self.administrator = Person(self, "administrator")
        self._position = 0

    def channel(self, bearer: Callable[[], str] | None = None) -> Channel:
        """Return a channel to the service as the edge, which the caller closes."""
        edge = self.nats.certificates_of("edge")
        return channel(self.service.address, certificates=edge, server="assessment", bearer=bearer)

    def person(self, *roles: str, person_id: UUID | None = None) -> Person:
        return Person(self, *(roles or ("learner",)), person_id=person_id)

    async def publish(self, assessment: assessments_pb2.Assessment) -> assessments_pb2.Assessment:
        """Create and publish an assessment."""
        stub = self.administrator.assessments
        created = await stub.CreateAssessment(
            assessments_pb2.CreateAssessmentRequest(assessment=assessment)
        )
        published = await stub.PublishAssessment(
            assessments_pb2.PublishAssessmentRequest(assessment_id=created.assessment.assessment_id)
        )
        return published.assessment

    async def handle(self, event: Message) -> None:
        """Handle the event as the subscriber does."""
        self._position += 1
        subject = name_of(event.DESCRIPTOR).short
        metadata = EventMetadata(new_id(), subject, self.clock(), self._position, 1)
        async with self.service.database.transaction() as tx:
            await HANDLERS[type(event)](tx, event, metadata)

    async def certify(self, person: Person, until: timedelta = timedelta(days=365)) -> None:
        """Handle the event that the person is certified for a time from now."""
        event = enrollment_events.PersonCertified(person_id=str(person.person_id))
        event.certified_until_time.FromDatetime(self.clock() + until)
        await self.handle(event)

    async def proctor_of(self, seat: Seat) -> Person:
        """Return the certified proctor of the seat's session."""
        proctor = self.person("proctor", person_id=seat.proctor_id)
        await self.certify(proctor)
        return proctor

    def rewind(self) -> None:
        """Make the next event older than all earlier ones."""
        self._position -= 1000

    async def publish_course(
        self, course_id: UUID, title: str, hours: float, *assessment_ids: str
    ) -> None:
        """Handle the event that a course was published."""
        await self.handle(
            enrollment_events.CoursePublished(
                course_id=str(course_id), title=title, hours=hours, assessment_ids=assessment_ids
            )
        )

    def seat(self, assessment_id: str, *, learner: Person | None = None) -> Seat:
        """Return a learner who has not joined yet."""
        return Seat(
            learner or self.person(), new_id(), UUID(assessment_id), new_id(), proctor_id=new_id()
        )

    async def joined(self, **assessment: Any) -> Seat:
        """Return a learner who waits for authorisation."""
        published = await self.publish(assessment_proto(**assessment))
        seat = self.seat(published.assessment_id)
        await self.handle(seat.scheduled())
        await self.handle(seat.joined())
        seat.attempt_id = (await self.attempts_of(seat))[0].attempt_id
        return seat

    async def authorized(self, **assessment: Any) -> Seat:
        """Return a learner who may start."""
        seat = await self.joined(**assessment)
        await self.handle(seat.authorized())
        return seat

    async def started(self, **assessment: Any) -> Seat:
        """Return a learner who has started."""
        seat = await self.authorized(**assessment)
        await seat.start()
        return seat

    async def attempts_of(self, seat: Seat) -> list[attempts_pb2.Attempt]:
        request = attempts_pb2.ListAttemptsRequest(session_id=str(seat.session_id))
        return list((await self.administrator.attempts.ListAttempts(request)).attempts)

    async def sql(self, statement: str, *arguments: object) -> list[Mapping[str, Any]]:
        """Run one statement in the role of the service."""
        connection = await self.service.database.connect()
        try:
            return [dict(row) for row in await connection.fetch(statement, *arguments)]
        finally:
            await connection.close()

    async def execute(self, script: str) -> None:
        """Run a script in the role of the service."""
        connection = await self.service.database.connect()
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    async def state(self) -> list[Mapping[str, Any]]:
        """Return digests of all rows that a refused call must not change."""
        found: list[Mapping[str, Any]] = []
        for table, columns in _KEPT:
            text = f"{columns}::text"
            found += await self.sql(
                f"SELECT md5(string_agg({text}, ',' ORDER BY {text})) AS {table} FROM {table} AS t"
            )
        return found

    async def events(self, action: str) -> list[bytes]:
        """Return the bodies of all recorded events of an action ("attempt.started"), in order."""
        rows = await self.sql(
            "SELECT body FROM outbox WHERE subject LIKE $1 ORDER BY position",
            f"evt.assessment.{action}.v1.%",
        )
        return [row["body"] for row in rows]


@asynccontextmanager
async def world(
    database_url: str,
    nats: Nats,
    enrollment: str = "127.0.0.1:1",
    *,
    key: SigningKey | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """Run the service on the database and broker; with the `key` of another world it is a second replica."""
    clock = MovableClock()
    key = key or SigningKey.generate()
    given = Settings(
        **{
            "database_url": database_url,
            **nats.settings_of("assessment"),
            "enrollment_address": enrollment,
            "master_key": MASTER_KEY,
            "public_url": "https://exams.example.org",
            "drain_wait": timedelta(0),
            "check_every": timedelta(milliseconds=50),
            "worker_interval": timedelta(milliseconds=50),
            "progress_interval": timedelta(milliseconds=100),
            **settings,
        }
    )
    async with running(given, build, clock=clock, keys=KeyRing.of(key.public)) as service:
        yield World(service, key, clock, nats)


async def refused(world: World, call: Any) -> ServiceError:
    """Return the error with which a call is refused; fail if it succeeds or changes anything."""
    before = await world.state()
    error = await refusal(call)
    assert await world.state() == before, "a refused call changed something"
    return error
