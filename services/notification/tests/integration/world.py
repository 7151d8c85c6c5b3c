"""The world that the tests act in: the service with its database, broker, mail server and enrollment, and people."""

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
from proctorium_common.events.envelope import MESSAGE_ID, POSITION, name_of, seal
from proctorium_common.ids import new_id
from proctorium_common.process.life import running
from proctorium_common.process.service import Service
from proctorium_common.rpc.client import Channel, channel
from proctorium_common.security.keys import KeyRing, SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_common.storage.database import Database
from proctorium_devstack.parts.nats import Nats
from proctorium_devstack.testing.enrollment import FakeEnrollment
from proctorium_notification.__main__ import build
from proctorium_notification.settings import Settings

from .mail_sink import MailSink

KEY = SigningKey.generate()
PATIENCE = 30.0
PORTAL = "https://portal.example.org"


@dataclass
class Person:
    """Somebody with an account and an address, and stubs that call as them."""

    person_id: UUID
    email: str
    inbox: InboxServiceStub
    deliveries: DeliveryServiceStub

    @property
    def id(self) -> str:
        return str(self.person_id)


@dataclass
class World:
    """One replica of the service and everything around it."""

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
        """Somebody whom enrollment knows."""
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
        opened = self.channel(bearer=lambda: token)
        self.channels.append(opened)
        return Person(person_id, email, InboxServiceStub(opened), DeliveryServiceStub(opened))

    def channel(self, bearer: Callable[[], str] | None = None) -> Channel:
        """A channel to the service by way of the edge; close it."""
        edge = self.nats.certificates_of("edge")
        return channel(
            self.service.address, certificates=edge, server="notification", bearer=bearer
        )

    async def tell(self, *events: Message, event_id: UUID | None = None, times: int = 1) -> UUID:
        """Publishes events one after the other, as the relay of their owner would; answers the id of the last."""
        last = event_id or new_id()
        for event in events:
            self.positions += 1
            last = event_id or new_id()
            sealed = seal(event, last, datetime.now(UTC))
            headers = {**sealed.headers, POSITION: str(self.positions)}
            if event_id is None and times == 1:  # else the broker itself would drop repetitions
                headers[MESSAGE_ID] = str(sealed.event_id)
            client = await self.nats.connect(name_of(event.DESCRIPTOR).owner)
            try:
                for _ in range(times):
                    await client.jetstream().publish(sealed.subject, sealed.body, headers=headers)
            finally:
                await client.close()
        return last

    async def rows(self, statement: str, **parameters: object) -> list[tuple[object, ...]]:
        """What a statement on the service's database answers; nothing for one that answers no rows."""
        async with self.database.transaction() as tx:
            result = await tx.execute(text(statement), parameters)
            return [tuple(row) for row in result] if result.returns_rows else []

    async def session(
        self, *, proctors: Sequence[Person] = (), starts_in: timedelta = timedelta(days=2)
    ) -> str:
        """A session that the service knows."""
        session_id = new_id()
        await self.tell(scheduled(session_id, proctors, starts_in=starts_in))
        await self.until_row(
            "SELECT 1 FROM sessions WHERE session_id = :id AND title IS NOT NULL", id=session_id
        )
        return str(session_id)

    async def mail(self, person: Person, number: int = 1) -> EmailMessage:
        """The person's mail, once there are so many."""

        async def came() -> bool:
            return len(self.sink.mails_to(person.email)) >= number

        await until(came)
        mails = self.sink.mails_to(person.email)
        assert len(mails) == number
        return mails[-1]

    async def state(self, person: Person, channel_name: str = "email") -> str:
        """The state of the person's newest delivery by this channel."""
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
        async def there() -> bool:
            return bool(await self.rows(statement, **parameters))

        await until(there)

    async def delivery(self, person: Person) -> pb.Delivery:
        """The person's newest mail as administrators see it."""
        request = pb.ListDeliveriesRequest(person_id=person.id)
        found = await self.person("administrator").deliveries.ListDeliveries(request)
        return next(each for each in found.deliveries if each.channel == pb.CHANNEL_EMAIL)

    async def published(self, person: Person) -> list[str]:
        """The actions of the person's deliveries in the outbox, in order."""
        rows = await self.rows(
            "SELECT split_part(subject, '.', 4) FROM outbox "
            "WHERE position(convert_to(:id, 'utf8') in body) > 0 ORDER BY position",
            id=person.id,
        )
        return [str(row[0]) for row in rows]

    async def fingerprint(self) -> list[tuple[object, ...]]:
        """Everything that a call can change: equal before and after a refusal."""
        return await self.rows(
            "SELECT (SELECT md5(string_agg(d::text, '|' ORDER BY delivery_id)) FROM deliveries d),"
            " (SELECT count(*) FROM outbox), (SELECT count(*) FROM idempotency_keys)"
        )


def given_settings(
    database_url: str, nats: Nats, enrollment_port: int, smtp_port: int
) -> dict[str, object]:
    """Settings of a replica that is quick at trying again."""
    return {
        "database_url": database_url,
        **nats.settings_of("notification"),
        "enrollment_address": f"127.0.0.1:{enrollment_port}",
        "call_deadline": 2,
        "smtp_url": f"smtp://127.0.0.1:{smtp_port}",
        "mail_from": "Example Training <no-reply@example.org>",
        "public_url": PORTAL,
        "retry_first": 0.2,
        "retry_unreachable": 0.2,
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
    """The plain text of a mail."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


async def until(condition: Callable[[], Awaitable[bool]], patience: float = PATIENCE) -> None:
    """Waits until the condition holds."""
    async with asyncio.timeout(patience):
        while not await condition():
            await asyncio.sleep(0.02)
