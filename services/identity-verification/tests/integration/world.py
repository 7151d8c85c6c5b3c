"""The fixtures of the integration tests: the service with its database, broker and evidence, and people who call it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import grpc
from google.protobuf.message import Message
from sqlalchemy import text

from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.identity.v1 import verification_pb2 as pb
from proctorium.identity.v1.verification_pb2_grpc import VerificationServiceStub
from proctorium.session.events.v1 import events_pb2 as session_events
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
from proctorium_devstack.testing.enrollment import FakeEnrollment
from proctorium_devstack.testing.refusals import refusal
from proctorium_identity.__main__ import build
from proctorium_identity.settings import Settings

from ..images import photo

T = TypeVar("T")
KEY = SigningKey.generate()
MASTER_KEY = base64.b64encode(b"m" * 32).decode()
PATIENCE = 30.0

DOCUMENT, SELFIE = pb.EVIDENCE_KIND_DOCUMENT, pb.EVIDENCE_KIND_SELFIE


@dataclass
class Person:
    """A person with an account, and a stub that calls as this person."""

    person_id: UUID
    stub: VerificationServiceStub

    @property
    def id(self) -> str:
        return str(self.person_id)


@dataclass
class World:
    """One replica of the service and everything around it."""

    nats: Nats
    enrollment: FakeEnrollment
    service: Service[Settings]
    database: Database
    evidence: Path
    channels: list[grpc.aio.Channel] = field(default_factory=list)
    positions: int = 1000

    def person(self, *roles: str) -> Person:
        person_id = new_id()
        token = TokenSigner(KEY).sign(person_id, roles).text
        open_case = channel(
            self.service.address,
            certificates=self.nats.certificates_of("edge"),
            server="identity",
            bearer=lambda: token,
        )
        self.channels.append(open_case)
        return Person(person_id, VerificationServiceStub(open_case))

    def learner(self) -> Person:
        return self.person("learner")

    def proctor(self) -> Person:
        return self.person("proctor")

    async def publish(
        self,
        *events: Message,
        event_id: UUID | None = None,
        time: datetime | None = None,
        position: int = 0,
    ) -> None:
        """Publish events one after the other, as the relay of their owner does."""
        for event in events:
            self.positions += 1
            envelope = wrap(event, event_id or new_id(), time or datetime.now(UTC))
            headers = {**envelope.headers, POSITION: str(position or self.positions)}
            if event_id is None:  # with the same id, the broker would drop the repetition
                headers[MESSAGE_ID] = str(envelope.event_id)
            client = await self.nats.connect(name_of(event.DESCRIPTOR).owner)
            try:
                await client.jetstream().publish(envelope.subject, envelope.body, headers=headers)
            finally:
                await client.close()

    async def rows(self, statement: str, **parameters: object) -> list[tuple[object, ...]]:
        """Return the rows of a statement on the service's database; an empty list if it returns none."""
        async with self.database.transaction() as tx:
            result = await tx.execute(text(statement), parameters)
            return [tuple(row) for row in result] if result.returns_rows else []

    async def published_actions(self, session_id: str) -> list[str]:
        """Return the actions of the events of the session's cases in the outbox, in order."""
        rows = await self.rows(
            "SELECT split_part(subject, '.', 4) FROM outbox "
            "WHERE position(convert_to(:id, 'utf8') in body) > 0 ORDER BY position",
            id=session_id,
        )
        return [str(row[0]) for row in rows]

    async def accesses_of(self, case_id: str) -> list[tuple[object, ...]]:
        """Return who accessed which subject of the case, in order."""
        return await self.rows(
            "SELECT accessed_by, subject FROM evidence_access_log WHERE case_id = :id ORDER BY access_id",
            id=UUID(case_id),
        )

    async def fingerprint(self) -> list[tuple[object, ...]]:
        """Return a digest of everything that a call can change."""
        return await self.rows(
            "SELECT (SELECT md5(string_agg(c::text, '|' ORDER BY case_id)) FROM cases c),"
            " (SELECT md5(string_agg(e::text, '|' ORDER BY evidence_id)) FROM evidence e),"
            " (SELECT count(*) FROM evidence_access_log), (SELECT count(*) FROM outbox),"
            " (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM sessions)"
        )

    async def session(self, *proctors: Person) -> str:
        """Schedule a session of these proctors, certify them, and wait until the service has stored it."""
        session_id = new_id()
        for each in proctors:
            await self.certify(each)
        await self.publish(scheduled(session_id, [each.person_id for each in proctors]))
        await self.until_row(
            "SELECT 1 FROM sessions WHERE session_id = :id AND proctor_ids IS NOT NULL", session_id
        )
        return str(session_id)

    async def certify(
        self, person: Person, until_time: datetime | None = None, time: datetime | None = None
    ) -> None:
        """Publish that a person is certified until a time (default: for a year), and wait until it is stored."""
        event = enrollment_events.PersonCertified(person_id=person.id)
        event.certified_until_time.FromDatetime(
            until_time or datetime.now(UTC) + timedelta(days=365)
        )
        await self.publish(event, time=time)
        stored = event.certified_until_time.ToDatetime(UTC)

        async def is_stored() -> bool:
            return await self.certified_until(person) == stored

        await until(is_stored)

    async def certified_until(self, person: Person) -> object:
        """Return until when the person is certified according to the service; None if that is not stored."""
        rows = await self.rows(
            "SELECT certified_until FROM certifications WHERE person_id = :id", id=person.person_id
        )
        return rows[0][0] if rows else None

    async def case(self, session_id: str, learner: Person) -> str:
        """Let the learner join and return the id of the case that is opened."""
        await self.publish(joined(UUID(session_id), learner))
        await self.until_row("SELECT 1 FROM cases WHERE person_id = :id", learner.person_id)
        [[case_id]] = await self.rows(
            "SELECT case_id FROM cases WHERE person_id = :id", id=learner.person_id
        )
        return str(case_id)

    async def until_row(self, statement: str, row_id: UUID) -> None:
        async def exists() -> bool:
            return bool(await self.rows(statement, id=row_id))

        await until(exists)


@asynccontextmanager
async def replica(
    database_url: str, nats: Nats, enrollment_port: int, evidence: Path, **settings: object
) -> AsyncIterator[Service[Settings]]:
    given: dict[str, object] = {
        "database_url": database_url,
        **nats.settings_of("identity"),
        "enrollment_address": f"127.0.0.1:{enrollment_port}",
        "call_deadline": timedelta(seconds=2),
        "master_key": MASTER_KEY,
        "evidence_url": evidence.as_uri(),
        "drain_wait": timedelta(0),
        "drain_grace": timedelta(seconds=2),
        **settings,
    }
    async with running(
        Settings.model_validate(given), build, keys=KeyRing.of(KEY.public)
    ) as service:
        yield service


def scheduled(session_id: UUID, proctor_ids: Sequence[UUID]) -> session_events.SessionScheduled:
    return session_events.SessionScheduled(
        session_id=str(session_id), title="Any", proctor_ids=[str(each) for each in proctor_ids]
    )


def joined(
    session_id: UUID, learner: Person, *, identity_required: bool = True
) -> session_events.ParticipantJoined:
    return session_events.ParticipantJoined(
        participant_id=str(new_id()),
        session_id=str(session_id),
        person_id=learner.id,
        course_id=str(new_id()),
        identity_required=identity_required,
    )


def ended(session_id: UUID) -> session_events.SessionEnded:
    event = session_events.SessionEnded(session_id=str(session_id), course_id=str(new_id()))
    event.end_time.GetCurrentTime()
    return event


def cancelled(session_id: UUID) -> session_events.SessionCancelled:
    return session_events.SessionCancelled(session_id=str(session_id))


def removed(session_id: UUID, participant_id: str) -> session_events.ParticipantRemoved:
    return session_events.ParticipantRemoved(
        participant_id=participant_id, session_id=str(session_id), person_id=str(new_id())
    )


async def submit(
    person: Person,
    case_id: str,
    kind: pb.EvidenceKind.ValueType,
    image: bytes | None = None,
    request_id: str = "",
) -> pb.Case:
    request = pb.SubmitEvidenceRequest(
        request_id=request_id, case_id=case_id, kind=kind, image=image or photo()
    )
    # Each image is read in a process of its own, two at a time, which takes long on a busy machine.
    return (await person.stub.SubmitEvidence(request, timeout=30)).case


async def submit_both(person: Person, case_id: str) -> pb.Case:
    await submit(person, case_id, DOCUMENT)
    return await submit(person, case_id, SELFIE)


async def verify(person: Person, case_id: str, reason: str = "", request_id: str = "") -> pb.Case:
    """View both images, then verify."""
    for kind in (DOCUMENT, SELFIE):
        await person.stub.GetEvidence(pb.GetEvidenceRequest(case_id=case_id, kind=kind))
    return await decide(person, case_id, reason=reason, request_id=request_id)


async def decide(
    person: Person,
    case_id: str,
    decision: pb.Decision.ValueType = pb.DECISION_VERIFY,
    reason: str = "",
    request_id: str = "",
) -> pb.Case:
    request = pb.DecideCaseRequest(
        request_id=request_id, case_id=case_id, decision=decision, decision_reason=reason
    )
    return (await person.stub.DecideCase(request)).case


async def request_resubmission(
    person: Person, case_id: str, reason: str = "It is blurred."
) -> pb.Case:
    request = pb.RequestResubmissionRequest(case_id=case_id, resubmission_reason=reason)
    return (await person.stub.RequestResubmission(request)).case


async def view_image(
    person: Person, case_id: str, kind: pb.EvidenceKind.ValueType = DOCUMENT
) -> pb.GetEvidenceResponse:
    return await person.stub.GetEvidence(pb.GetEvidenceRequest(case_id=case_id, kind=kind))


async def case_of(person: Person, case_id: str) -> pb.Case:
    return (await person.stub.GetCase(pb.GetCaseRequest(case_id=case_id))).case


async def next_response(call: AsyncIterable[T]) -> T:
    """Return the next response of a stream."""
    return await asyncio.wait_for(anext(aiter(call)), PATIENCE)


async def refused_without_change(world: World, call: Awaitable[object]) -> ServiceError:
    """Return the error with which a call is refused; fail if it succeeds or changes anything."""
    before = await world.fingerprint()
    error = await refusal(call)
    assert await world.fingerprint() == before
    return error


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.02)
