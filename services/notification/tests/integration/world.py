"""The world of the tests: the service with its database, broker, mail server and enrollment, and people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from uuid import UUID

import grpc
from google.protobuf.message import Message
from sqlalchemy import text

from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.enrollment.v1 import codes_pb2, people_pb2
from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium.notification.v1.notifications_pb2_grpc import (
    DeliveryServiceStub,
    InboxServiceStub,
)
from proctorium.session.events.v1 import events_pb2 as session_events
from proctorium_common.events.envelope import MESSAGE_ID, POSITION, name_of, wrap
from proctorium_common.ids import new_id
from proctorium_common.process.life import running
from proctorium_common.process.service import Service
from proctorium_common.rpc.client import Channel, channel
from proctorium_common.security.keys import KeyRing, SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_common.storage.database import Database
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.testing.enrollment import FakeEnrollment
from proctorium_notification.__main__ import build
from proctorium_notification.settings import Settings

from .mail_sink import MailSink

KEY = SigningKey.generate()
TIMEOUT = 30.0
"""Seconds to wait for a condition."""
PORTAL = "https://portal.example.org"


@dataclass
class Person:
    """A person with an account and an address, and stubs that call as this person."""

    person_id: UUID
    email: str
    inbox: InboxServiceStub
    deliveries: DeliveryServiceStub

    @property
    def id(self) -> str:
        return str(self.person_id)


@dataclass
class World:
    """One replica of the service and its dependencies."""

    database_url: str
    nats: Nats
    enrollment: FakeEnrollment
    sink: MailSink
    service: Service[Settings]
    database: Database
    channels: list[grpc.aio.Channel] = field(default_factory=list)
    positions: int = 1000

    def person(
        self,
        *roles: str,
        locale: str = "en",
        time_zone: str = "Europe/Berlin",
        domain: str = "example.org",
    ) -> Person:
        """Return a new person, whose contact enrollment has."""
        person_id = new_id()
        email = f"p{person_id.hex}@{domain}"
        self.enrollment.contacts[str(person_id)] = people_pb2.Contact(
            person_id=str(person_id),
            email=email,
            preferred_name="Ada",
            locale=locale,
            time_zone=time_zone,
        )
        token = TokenSigner(KEY).sign(person_id, roles or ("learner",)).text
        edge = self.channel(bearer=lambda: token)
        self.channels.append(edge)
        return Person(person_id, email, InboxServiceStub(edge), DeliveryServiceStub(edge))

    def channel(self, bearer: Callable[[], str] | None = None) -> Channel:
        """Return a channel to the service with the edge's certificate; the caller closes it."""
        edge = self.nats.certificates_of("edge")
        return channel(
            self.service.address, certificates=edge, server="notification", bearer=bearer
        )

    async def publish(self, *events: Message, event_id: UUID | None = None, times: int = 1) -> UUID:
        """Publish events one after the other, as the relay of their owner does; return the id of the last one."""
        last = event_id or new_id()
        for event in events:
            self.positions += 1
            last = event_id or new_id()
            envelope = wrap(event, last, datetime.now(UTC))
            headers = {**envelope.headers, POSITION: str(self.positions)}
            # With this header, the broker drops repetitions.
            if event_id is None and times == 1:
                headers[MESSAGE_ID] = str(envelope.event_id)
            client = await self.nats.connect(name_of(event.DESCRIPTOR).owner)
            try:
                for _ in range(times):
                    await client.jetstream().publish(
                        envelope.subject, envelope.body, headers=headers
                    )
            finally:
                await client.close()
        return last

    async def rows(self, statement: str, **parameters: object) -> list[tuple[object, ...]]:
        """Return the rows of a statement on the service's database; none for a statement without rows."""
        async with self.database.transaction() as tx:
            result = await tx.execute(text(statement), parameters)
            return [tuple(row) for row in result] if result.returns_rows else []

    async def session(
        self, *, proctors: Sequence[Person] = (), starts_in: timedelta = timedelta(days=2)
    ) -> str:
        """Schedule a session, wait until the service has its plan, and return its id."""
        session_id = new_id()
        await self.publish(scheduled(session_id, proctors, starts_in=starts_in))
        await self.until_row(
            "SELECT 1 FROM sessions WHERE session_id = :id AND title IS NOT NULL", id=session_id
        )
        return str(session_id)

    async def mail(self, person: Person, number: int = 1) -> EmailMessage:
        """Wait for the person's mail with this number, and return it."""

        async def arrived() -> bool:
            return len(self.sink.mails_to(person.email)) >= number

        await until(arrived)
        mails = self.sink.mails_to(person.email)
        assert len(mails) == number
        return mails[-1]

    async def state(self, person: Person, channel_name: str = "email") -> str:
        """Return the state of the person's newest delivery by this channel."""
        rows = await self.rows(
            "SELECT state FROM deliveries WHERE person_id = :id AND channel = :channel "
            "ORDER BY created_at DESC LIMIT 1",
            id=person.person_id,
            channel=channel_name,
        )
        return str(rows[0][0]) if rows else "none"

    async def until_state(self, person: Person, state: str) -> None:
        async def reached() -> bool:
            return await self.state(person) == state

        await until(reached)

    async def until_row(self, statement: str, **parameters: object) -> None:
        async def exists() -> bool:
            return bool(await self.rows(statement, **parameters))

        await until(exists)

    async def delivery(self, person: Person) -> pb.Delivery:
        """Return the person's newest mail delivery, as administrators see it."""
        request = pb.ListDeliveriesRequest(person_id=person.id)
        found = await self.person("administrator").deliveries.ListDeliveries(request)
        return next(each for each in found.deliveries if each.channel == pb.CHANNEL_EMAIL)

    async def published(self, person: Person) -> list[str]:
        """Return the actions of the events about the person's deliveries, in order."""
        rows = await self.rows(
            "SELECT split_part(subject, '.', 4) FROM outbox "
            "WHERE position(convert_to(:id, 'utf8') in body) > 0 ORDER BY position",
            id=person.id,
        )
        return [str(row[0]) for row in rows]

    async def fingerprint(self) -> list[tuple[object, ...]]:
        """Return a digest of everything that a call can change: it is equal before and after a refused call."""
        return await self.rows(
            "SELECT (SELECT md5(string_agg(d::text, '|' ORDER BY delivery_id)) FROM deliveries d),"
            " (SELECT count(*) FROM outbox), (SELECT count(*) FROM idempotency_keys)"
        )


def replica_settings(
    database_url: str, nats: Nats, enrollment_port: int, smtp_port: int
) -> dict[str, object]:
    """Return the settings of a replica that retries after a short delay."""
    return {
        "database_url": database_url,
        **nats.settings_of("notification"),
        "enrollment_address": f"127.0.0.1:{enrollment_port}",
        "call_deadline": 2,
        "smtp_url": f"smtp://127.0.0.1:{smtp_port}",
        "mail_from": "Example Training <no-reply@example.org>",
        "public_url": PORTAL,
        "mail_retry_first": 0.2,
        "mail_retry_unavailable": 0.2,
        "drain_wait": 0,
        "drain_grace": 2,
    }


@asynccontextmanager
async def replica(**settings: object) -> AsyncIterator[Service[Settings]]:
    async with running(
        Settings.model_validate(settings), build, keys=KeyRing.of(KEY.public)
    ) as service:
        yield service


def scheduled(
    session_id: UUID,
    proctors: Sequence[Person] = (),
    *,
    title: str = "First Aid at Work",
    starts_in: timedelta = timedelta(days=2),
) -> session_events.SessionScheduled:
    event = session_events.SessionScheduled(
        session_id=str(session_id), title=title, proctor_ids=[each.id for each in proctors]
    )
    event.start_time.FromDatetime(datetime.now(UTC) + starts_in)
    event.duration.FromTimedelta(timedelta(minutes=90))
    return event


def issued(code: codes_pb2.Code, *recipients: Person) -> enrollment_events.CodeIssued:
    return enrollment_events.CodeIssued(
        code_id=code.code_id,
        session_id=code.session_id,
        recipient_ids=[each.id for each in recipients],
    )


def removed(session_id: str, person: Person) -> session_events.ParticipantRemoved:
    return session_events.ParticipantRemoved(
        participant_id=str(new_id()),
        session_id=session_id,
        person_id=person.id,
        removed_by=str(new_id()),
    )


def text_of(mail: EmailMessage) -> str:
    """Return the plain text of a mail."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


async def until(condition: Callable[[], Awaitable[bool]], timeout: float = TIMEOUT) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(timeout):
        while not await condition():
            await asyncio.sleep(0.02)
