"""The harness of the integration tests.

It runs enrollment, creates clients, and creates people, courses and sessions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import ColumnElement, Table, func, select

from proctorium.enrollment.v1 import courses_pb2, people_pb2
from proctorium.enrollment.v1.accommodations_pb2_grpc import AccommodationServiceStub
from proctorium.enrollment.v1.accounts_pb2 import RefreshTokenRequest, SignInRequest, SignInResponse
from proctorium.enrollment.v1.accounts_pb2_grpc import AccountServiceStub
from proctorium.enrollment.v1.codes_pb2 import (
    BatchResolveCodesRequest,
    CodeEntry,
    CodeResolution,
    ListCodesRequest,
)
from proctorium.enrollment.v1.codes_pb2_grpc import CodeServiceStub
from proctorium.enrollment.v1.courses_pb2_grpc import CourseServiceStub, RegistrationServiceStub
from proctorium.enrollment.v1.organisation_pb2_grpc import OrganisationServiceStub
from proctorium.enrollment.v1.people_pb2_grpc import PersonServiceStub
from proctorium.options.v1.options_pb2 import (
    ROLE_ADMINISTRATOR,
    ROLE_LEARNER,
    ROLE_PROCTOR,
)
from proctorium.session.events.v1 import events_pb2 as session_events
from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_common.rpc.status import error_of
from proctorium_common.storage.tables import outbox
from proctorium_devstack.testing import Servers
from proctorium_devstack.testing import harness as testing
from proctorium_devstack.testing.assessment import FakeAssessment
from proctorium_devstack.testing.clock import MovableClock
from proctorium_devstack.testing.waiting import TIMEOUT, until
from proctorium_enrollment.__main__ import build
from proctorium_enrollment.operations.accounts import Accounts
from proctorium_enrollment.operations.signing import Signing
from proctorium_enrollment.settings import Settings
from proctorium_enrollment.storage.password_hashes import PasswordHashes
from proctorium_enrollment.storage.tables import metadata

PASSWORD = "lantern-orchid-74"
OTHER_PASSWORD = "harbour-violin-31"
HERE = "192.0.2.1"
"""The address of the clients, as the edge reports it to enrollment."""
ROLES = {
    "learner": ROLE_LEARNER,
    "proctor": ROLE_PROCTOR,
    "administrator": ROLE_ADMINISTRATOR,
}


class Client:
    """The stubs of enrollment, with the credentials of one caller."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.accommodations = AccommodationServiceStub(channel)
        self.accounts = AccountServiceStub(channel)
        self.people = PersonServiceStub(channel)
        self.courses = CourseServiceStub(channel)
        self.registrations = RegistrationServiceStub(channel)
        self.codes = CodeServiceStub(channel)
        self.organisation = OrganisationServiceStub(channel)


@dataclass(frozen=True)
class Scheduled:
    """A scheduled session that enrollment has stored, with its people and the text of its code."""

    session_id: str
    course: courses_pb2.Course
    proctor_id: str
    learner_ids: tuple[str, ...]
    code: str


class Harness(testing.ServiceHarness[Settings]):
    """Enrollment with fast password hashes, a fake of the assessment service, and a clock that only tests move."""

    clock: MovableClock
    administrator: Client
    anonymous: Client

    def __init__(self, servers: Servers, assessment: FakeAssessment) -> None:
        super().__init__(
            Settings,
            lambda service: build(service, PasswordHashes(memory_kib=64, passes=1)),
            servers,
            [assessment],
            clock=MovableClock(datetime.now(UTC).replace(minute=0, second=0, microsecond=0)),
        )
        self.assessment = assessment
        self._rows_before: dict[str, int] = {}

    async def prepare(self) -> None:
        """Record the existing rows and events, so that `count` and `events` exclude them."""
        for table in metadata.sorted_tables:
            self._rows_before[table.name] = await self._count(table)
        [[position]] = await self.rows(select(func.max(outbox.c.position)))
        self.events_after = position or 0
        self.administrator = self.client(new_id(), "administrator")
        self.anonymous = self.client()

    def client(self, person: UUID | str | None = None, *roles: str, peer: str = "edge") -> Client:
        person_id = UUID(person) if isinstance(person, str) else person
        return Client(self.channel(person_id, *roles, peer=peer))

    def learner(self, person_id: str) -> Client:
        return self.client(person_id, "learner")

    def peer(self, name: str) -> Client:
        return self.client(peer=name)

    async def person(
        self, role: str = "learner", *, password: str = "", name: str = "Lena Fischer"
    ) -> people_pb2.Person:
        request = people_pb2.CreatePersonRequest(
            legal_name=name,
            email=f"{new_id()}@example.org",
            date_of_birth="2001-04-17",
            roles=[ROLES[role]],
            password=password,
        )
        return (await self.administrator.people.CreatePerson(request)).person

    async def course(
        self,
        kind: courses_pb2.CourseKind.ValueType = courses_pb2.COURSE_KIND_PROCTORED,
        units: Sequence[courses_pb2.UnitContent] = (),
        *,
        title: str = "Laboratory safety",
        published: bool = True,
        awards_certificate: bool = False,
    ) -> courses_pb2.Course:
        courses = self.administrator.courses
        created = await courses.CreateCourse(
            courses_pb2.CreateCourseRequest(
                title=title,
                kind=kind,
                units=units or [lesson()],
                awards_certificate=awards_certificate,
            )
        )
        if not published:
            return created.course
        request = courses_pb2.PublishCourseRequest(course_id=created.course.course_id)
        return (await courses.PublishCourse(request)).course

    async def register(self, person_id: str, course_id: str) -> courses_pb2.Registration:
        request = courses_pb2.CreateRegistrationRequest(person_id=person_id, course_id=course_id)
        return (await self.administrator.registrations.CreateRegistration(request)).registration

    async def registered_learner(self, course_id: str) -> str:
        person = await self.person()
        await self.register(person.person_id, course_id)
        return person.person_id

    async def session(
        self, *, course: courses_pb2.Course | None = None, lobby_opens: timedelta = timedelta(0)
    ) -> Scheduled:
        """Schedule a session with one registered learner and one proctor.

        The session is planned to end in three hours.
        """
        course = course or await self.course()
        learner_id = await self.registered_learner(course.course_id)
        proctor = await self.person("proctor")
        event = scheduled_event(
            course.course_id,
            self.clock.now,
            proctor_ids=[proctor.person_id],
            learner_ids=[learner_id],
            lobby_opens=lobby_opens,
        )
        await self.deliver(event)
        code = await self.code_of(event.session_id)
        return Scheduled(event.session_id, course, proctor.person_id, (learner_id,), code)

    async def code_of(self, session_id: str) -> str:
        request = ListCodesRequest(session_id=session_id)
        return (await self.administrator.codes.ListCodes(request)).codes[0].text

    async def resolve(self, text: str, person_id: str, address: str = HERE) -> CodeResolution:
        """Return the resolution of a code that a learner enters."""
        entry = CodeEntry(text=text, person_id=person_id, client_address=address)
        request = BatchResolveCodesRequest(entries=[entry])
        # Use a long timeout, because the last of many concurrent calls can be slow on a busy machine.
        codes = self.peer("session").codes
        (resolution,) = (await codes.BatchResolveCodes(request, timeout=TIMEOUT)).resolutions
        return resolution

    async def start(self, session: Scheduled, *learner_ids: str) -> None:
        """Make the learners join the session, and start the session."""
        for learner_id in learner_ids or session.learner_ids:
            await self.deliver(joined_event(session, learner_id))
        await self.deliver(started_event(session))

    async def count(self, table: Table) -> int:
        """Return the number of rows that were added since `prepare`."""
        return await self._count(table) - self._rows_before[table.name]

    async def _count(self, table: Table, *where: ColumnElement[bool]) -> int:
        found = await self.rows(select(func.count()).select_from(table).where(*where))
        return int(found[0][0])


async def until_refused(call: Callable[[], Awaitable[object]]) -> ServiceError:
    """Repeat a call until it is refused, and return the error.

    The service checks tokens with data in memory, which it updates shortly after the database has changed.
    """

    async def refused() -> ServiceError | None:
        try:
            await call()
        except grpc.aio.AioRpcError as failed:
            return error_of(failed)
        return None

    error = await until(refused)
    assert error is not None
    return error


async def sign_in(
    harness: Harness,
    email: str,
    password: str = PASSWORD,
    *,
    address: str = HERE,
    stay_signed_in: bool = False,
) -> SignInResponse:
    """Sign in from the client address `address`."""
    request = SignInRequest(email=email, password=password, stay_signed_in=stay_signed_in)
    metadata = (("x-forwarded-for", address),)
    # Use a long timeout, because the last of many concurrent calls can be slow on a busy machine.
    return await harness.anonymous.accounts.SignIn(request, metadata=metadata, timeout=TIMEOUT)


async def refresh(harness: Harness, token: str) -> str:
    """Use a refresh token, and return the next refresh token."""
    answer = await harness.anonymous.accounts.RefreshToken(RefreshTokenRequest(refresh_token=token))
    return answer.tokens.refresh_token


@asynccontextmanager
async def accounts_of(harness: Harness, hashes: PasswordHashes) -> AsyncIterator[Accounts]:
    """Yield the account operations of another replica, which uses the password hashes `hashes`."""
    keys = harness.service.settings.encryption_keys()
    yield Accounts(
        harness.database,
        hashes,
        keys,
        Signing(keys.signing_keys),
        harness.clock,
        refresh_grace_period=timedelta(seconds=30),
        idle_limit=timedelta(hours=1),
    )
    await hashes.close()


def stamp(time: datetime) -> Timestamp:
    stamped = Timestamp()
    stamped.FromDatetime(time)
    return stamped


def lesson(
    title: str = "Before you begin", markdown: str = "Put on **goggles**."
) -> courses_pb2.UnitContent:
    return courses_pb2.UnitContent(title=title, markdown=markdown)


def link(title: str = "Rules", url: str = "https://example.org/rules") -> courses_pb2.UnitContent:
    return courses_pb2.UnitContent(title=title, url=url)


def assessment(assessment_id: str) -> courses_pb2.UnitContent:
    return courses_pb2.UnitContent(title="Examination", assessment_id=assessment_id)


def scheduled_event(
    course_id: str,
    now: datetime,
    *,
    session_id: str = "",
    proctor_ids: Sequence[str] = (),
    learner_ids: Sequence[str] = (),
    lobby_opens: timedelta = timedelta(0),
) -> session_events.SessionScheduled:
    return session_events.SessionScheduled(
        session_id=session_id or str(new_id()),
        course_id=course_id,
        title="Examination",
        start_time=stamp(now + timedelta(hours=1)),
        duration=Duration(seconds=7200),
        proctor_ids=proctor_ids,
        learner_ids=learner_ids,
        lobby_open_time=stamp(now + lobby_opens),
    )


def joined_event(session: Scheduled, person_id: str) -> session_events.ParticipantJoined:
    return session_events.ParticipantJoined(
        participant_id=str(new_id()),
        session_id=session.session_id,
        person_id=person_id,
        course_id=session.course.course_id,
    )


def awaiting_event(session: Scheduled, person_id: str) -> session_events.ParticipantJoined:
    event = joined_event(session, person_id)
    event.awaiting_approval = True
    return event


def admitted_event(session: Scheduled, person_id: str) -> session_events.ParticipantAdmitted:
    return session_events.ParticipantAdmitted(
        participant_id=str(new_id()),
        session_id=session.session_id,
        person_id=person_id,
        course_id=session.course.course_id,
    )


def removed_event(session: Scheduled, person_id: str) -> session_events.ParticipantRemoved:
    return session_events.ParticipantRemoved(
        participant_id=str(new_id()), session_id=session.session_id, person_id=person_id
    )


def readmitted_event(session: Scheduled, person_id: str) -> session_events.ParticipantReadmitted:
    return session_events.ParticipantReadmitted(
        participant_id=str(new_id()), session_id=session.session_id, person_id=person_id
    )


def ended_for_event(session: Scheduled, person_id: str) -> session_events.ParticipantEnded:
    return session_events.ParticipantEnded(
        participant_id=str(new_id()), session_id=session.session_id, person_id=person_id
    )


def started_event(session: Scheduled) -> session_events.SessionStarted:
    return session_events.SessionStarted(
        session_id=session.session_id, course_id=session.course.course_id
    )


def ended_event(session: Scheduled) -> session_events.SessionEnded:
    return session_events.SessionEnded(
        session_id=session.session_id, course_id=session.course.course_id
    )


def cancelled_event(session: Scheduled) -> session_events.SessionCancelled:
    return session_events.SessionCancelled(session_id=session.session_id)
