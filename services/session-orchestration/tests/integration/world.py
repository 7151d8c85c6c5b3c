"""The world that the tests act in: the service with its database and broker, and people who call it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import grpc
from google.protobuf.message import Message
from sqlalchemy import text

from proctorium.session.v1 import (
    lobby_pb2,
    lobby_pb2_grpc,
    sessions_pb2,
    sessions_pb2_grpc,
    supervision_pb2,
    supervision_pb2_grpc,
)
from proctorium_common.errors import ServiceError
from proctorium_common.events.envelope import MESSAGE_ID, POSITION, name_of, wrap
from proctorium_common.ids import new_id
from proctorium_common.process.life import running
from proctorium_common.process.service import Service
from proctorium_common.rpc.client import channel
from proctorium_common.security.keys import KeyRing, SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_common.storage.database import Database
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.testing.assessment import FakeAssessment
from proctorium_devstack.testing.enrollment import FakeEnrollment, assessments_of
from proctorium_devstack.testing.refusals import refusal
from proctorium_session.__main__ import build
from proctorium_session.settings import Settings

T = TypeVar("T")
R = TypeVar("R", bound=Message)
KEY = SigningKey.generate()
PATIENCE = 10.0


@dataclass
class Person:
    """Somebody with an account, and stubs that call as them."""

    person_id: UUID
    channel: grpc.aio.Channel
    sessions: sessions_pb2_grpc.SessionServiceStub = field(init=False)
    lobby: lobby_pb2_grpc.LobbyServiceStub = field(init=False)
    supervision: supervision_pb2_grpc.SupervisionServiceStub = field(init=False)
    record: supervision_pb2_grpc.RecordServiceStub = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = sessions_pb2_grpc.SessionServiceStub(self.channel)
        self.lobby = lobby_pb2_grpc.LobbyServiceStub(self.channel)
        self.supervision = supervision_pb2_grpc.SupervisionServiceStub(self.channel)
        self.record = supervision_pb2_grpc.RecordServiceStub(self.channel)

    @property
    def id(self) -> str:
        return str(self.person_id)


@dataclass
class World:
    """One replica of the service and everything around it."""

    database_url: str
    nats: Nats
    enrollment: FakeEnrollment
    assessment: FakeAssessment
    service: Service[Settings]
    database: Database
    channels: list[grpc.aio.Channel] = field(default_factory=list)
    positions: int = 1000

    def person(self, *roles: str, person_id: UUID | None = None, at: str = "") -> Person:
        """Somebody who holds these roles; `at` is the address of another replica."""
        person_id = person_id or new_id()
        token = TokenSigner(KEY).sign(person_id, roles).text
        opened = channel(
            at or self.service.address,
            certificates=self.nats.certificates_of("edge"),
            server="session",
            bearer=lambda: token,
        )
        self.channels.append(opened)
        return Person(person_id, opened)

    def learner(self) -> Person:
        return self.person("learner")

    def administrator(self) -> Person:
        return self.person("administrator")

    def proctor(self, certified_for: timedelta = timedelta(days=365)) -> Person:
        """A proctor; certified until some time from now."""
        proctor = self.person("proctor")
        self.enrollment.certified_until[proctor.person_id] = datetime.now(UTC) + certified_for
        return proctor

    async def scheduled(
        self, plan: sessions_pb2.SessionPlan, code: str = ""
    ) -> sessions_pb2.Session:
        """A session by `plan`, with a code that enrollment takes for it."""
        request = sessions_pb2.ScheduleSessionRequest(plan=plan)
        session = (await self.administrator().sessions.ScheduleSession(request)).session
        self.enrollment.codes[code or session.session_id] = UUID(session.session_id)
        return session

    async def tell(
        self, event: Message, *, position: int = 0, time: datetime | None = None
    ) -> None:
        """Publishes an event as the relay of its owner would."""
        self.positions += 1
        envelope = wrap(event, new_id(), time or datetime.now(UTC))
        headers = {
            **envelope.headers,
            POSITION: str(position or self.positions),
            MESSAGE_ID: str(envelope.event_id),
        }
        client = await self.nats.connect(name_of(event.DESCRIPTOR).owner)
        try:
            await client.jetstream().publish(envelope.subject, envelope.body, headers=headers)
        finally:
            await client.close()

    async def rows(self, statement: str, **parameters: object) -> list[tuple[object, ...]]:
        """What a statement on the service's database answers; nothing for one that answers no rows."""
        async with self.database.transaction() as tx:
            result = await tx.execute(text(statement), parameters)
            return [tuple(row) for row in result] if result.returns_rows else []

    async def events(self, session_id: str) -> list[str]:
        """The events of the session's record, in order."""
        rows = await self.rows(
            "SELECT event FROM session_record WHERE session_id = :id ORDER BY number",
            id=UUID(session_id),
        )
        return [str(row[0]) for row in rows]

    async def published(self, session_id: str) -> list[str]:
        """The session's events in the outbox, in order."""
        rows = await self.rows(
            "SELECT split_part(subject, '.', 3) || '.' || split_part(subject, '.', 4) FROM outbox "
            "WHERE position(convert_to(:id, 'utf8') in body) > 0 ORDER BY position",
            id=session_id,
        )
        return [str(row[0]) for row in rows]

    @asynccontextmanager
    async def enrollment_away(self) -> AsyncIterator[None]:
        """Enrollment does not answer within the block, and is found again after it."""
        await self.enrollment.stop()
        try:
            yield
        finally:
            await self.enrollment.start()
            await self.service.channel("enrollment").channel_ready()

    @asynccontextmanager
    async def assessment_away(self) -> AsyncIterator[None]:
        """The assessment service does not answer within the block, and is found again after it."""
        await self.assessment.stop()
        try:
            yield
        finally:
            await self.assessment.start()
            await self.service.channel("assessment").channel_ready()

    async def is_quiet(self) -> bool:
        """Return whether neither the clock nor closed streams have work left that could change the session."""
        return not await self.rows(
            "SELECT 1 FROM sessions WHERE state = 'scheduled'"
            " AND lobby_open_time < now() + interval '1 second'"
            " UNION ALL SELECT 1 FROM presence WHERE expires_at > now()"
            " UNION ALL SELECT 1 FROM participants WHERE connected"
        )

    async def fingerprint(self) -> list[tuple[object, ...]]:
        """Counts and versions of everything that a call can change: equal before and after a refusal."""
        return await self.rows(
            "SELECT (SELECT count(*) FROM sessions), (SELECT sum(revision) FROM sessions),"
            " (SELECT count(*) FROM participants), (SELECT count(*) FROM participant_assessments),"
            " (SELECT count(*) FROM session_record), (SELECT count(*) FROM outbox),"
            " (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM session_proctors)"
        )


@asynccontextmanager
async def replica(
    database_url: str, nats: Nats, enrollment_port: int, **settings: object
) -> AsyncIterator[Service[Settings]]:
    """One replica of the service, quick at everything that goes by the clock."""
    given: dict[str, object] = {
        "database_url": database_url,
        **nats.settings_of("session"),
        "enrollment_address": f"127.0.0.1:{enrollment_port}",
        "assessment_address": "127.0.0.1:1",
        "call_deadline": timedelta(seconds=2),
        "presence_lease": timedelta(seconds=1),
        "presence_linger": timedelta(milliseconds=200),
        "presence_every": timedelta(milliseconds=50),
        "lobby_every": timedelta(milliseconds=50),
        "drain_wait": timedelta(0),
        "drain_grace": timedelta(seconds=2),
        **settings,
    }
    async with running(
        Settings.model_validate(given), build, keys=KeyRing.of(KEY.public)
    ) as service:
        yield service


def plan(
    proctors: Iterable[Person],
    learners: Iterable[Person] = (),
    *,
    starts_in: timedelta = timedelta(minutes=10),
    duration: timedelta = timedelta(hours=1),
    capacity: int = 10,
    assessments: int = 1,
    late_entry: sessions_pb2.LateEntry.ValueType = sessions_pb2.LATE_ENTRY_CLOSED,
    late_entry_limit: timedelta | None = None,
    lobby_lead: timedelta | None = None,
    identity: sessions_pb2.IdentityPolicy.ValueType = sessions_pb2.IDENTITY_POLICY_NONE,
) -> sessions_pb2.SessionPlan:
    """Return a valid plan; by default its lobby is due and no identity check is required."""
    course_id = str(new_id())
    made = sessions_pb2.SessionPlan(
        course_id=course_id,
        assessment_ids=assessments_of(course_id)[:assessments],
        title="Fire safety, supervised",
        proctor_ids=[each.id for each in proctors],
        learner_ids=[each.id for each in learners],
        capacity=capacity,
        late_entry=late_entry,
        identity_policy=identity,
    )
    made.start_time.FromDatetime(datetime.now(UTC) + starts_in)
    made.duration.FromTimedelta(duration)
    if late_entry_limit is not None:
        made.late_entry_limit.FromTimedelta(late_entry_limit)
    if lobby_lead is not None:
        made.lobby_lead.FromTimedelta(lobby_lead)
    return made


async def join(person: Person, session_id: str) -> lobby_pb2.JoinSessionResponse:
    """Joins by the session's code."""
    return await person.lobby.JoinSession(lobby_pb2.JoinSessionRequest(code=session_id))


async def start(person: Person, session_id: str) -> sessions_pb2.Session:
    """Starts the session."""
    request = sessions_pb2.StartSessionRequest(session_id=session_id)
    return (await person.sessions.StartSession(request)).session


async def end(person: Person, session_id: str) -> sessions_pb2.Session:
    """Ends the session."""
    request = sessions_pb2.EndSessionRequest(session_id=session_id)
    return (await person.sessions.EndSession(request)).session


async def roster(person: Person, session_id: str) -> supervision_pb2.RosterSnapshot:
    """The roster as it is now."""
    request = supervision_pb2.WatchRosterRequest(session_id=session_id)
    call = person.supervision.WatchRoster(request)
    try:
        return (await next_of(call)).snapshot
    finally:
        call.cancel()


async def next_of(call: AsyncIterable[T]) -> T:
    """The next message of a stream."""
    return await asyncio.wait_for(anext(aiter(call)), PATIENCE)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Waits until the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.02)


async def refused_without_change(
    world: World, method: Callable[[R], Awaitable[object]], request: R
) -> ServiceError:
    """Return the error with which a call is refused; fail if it succeeds or changes anything."""
    await until(world.is_quiet)
    before = await world.fingerprint()
    error = await refusal(method(request))
    after = await world.fingerprint()
    assert after == before, (before, after)
    return error
