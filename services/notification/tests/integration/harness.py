"""The harness of the integration tests: the service, the mail server and the people who are notified."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from uuid import UUID

from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.enrollment.v1 import codes_pb2, people_pb2
from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium.notification.v1.notifications_pb2_grpc import (
    DeliveryServiceStub,
    InboxServiceStub,
)
from proctorium.session.events.v1 import events_pb2 as session_events
from proctorium_common.ids import new_id
from proctorium_devstack.testing import Servers
from proctorium_devstack.testing import harness as testing
from proctorium_devstack.testing.enrollment import FakeEnrollment
from proctorium_devstack.testing.waiting import until
from proctorium_notification.__main__ import build
from proctorium_notification.settings import Settings

from .mail_sink import MailSink

PORTAL = "https://portal.example.org"


class Person(testing.Person):
    """A person who calls the service and has a mail address."""

    def __init__(self, harness: Harness, *roles: str, domain: str) -> None:
        super().__init__(harness, *roles)
        self.email = f"p{self.person_id.hex}@{domain}"
        self.inbox = InboxServiceStub(self.channel)
        self.deliveries = DeliveryServiceStub(self.channel)


class Harness(testing.ServiceHarness[Settings]):
    """The service, with short retry delays, a fake of enrollment and a mail server."""

    rows_of_calls = (
        "SELECT (SELECT md5(string_agg(d::text, '|' ORDER BY delivery_id)) FROM deliveries d),"
        " (SELECT count(*) FROM outbox), (SELECT count(*) FROM idempotency_keys)"
    )

    def __init__(self, servers: Servers, enrollment: FakeEnrollment, sink: MailSink) -> None:
        super().__init__(
            Settings,
            build,
            servers,
            [enrollment],
            smtp_url=sink.url,
            mail_from="Example Training <no-reply@example.org>",
            public_url=PORTAL,
            mail_retry_first=0.2,
            mail_retry_unavailable=0.2,
        )
        self.enrollment = enrollment
        self.sink = sink

    def person(
        self,
        *roles: str,
        locale: str = "en",
        time_zone: str = "Europe/Berlin",
        domain: str = "example.org",
    ) -> Person:
        """Return a new person with the roles `roles`, or a learner if no roles are given.

        The contact of the person is stored in the fake of enrollment.
        """
        person = Person(self, *(roles or ("learner",)), domain=domain)
        self.enrollment.contacts[person.id] = people_pb2.Contact(
            person_id=person.id,
            email=person.email,
            preferred_name="Ada",
            locale=locale,
            time_zone=time_zone,
        )
        return person

    async def session(
        self, *, proctors: Sequence[Person] = (), starts_in: timedelta = timedelta(days=2)
    ) -> str:
        """Schedule a session, wait until the service has stored its plan, and return the id of the session."""
        session_id = new_id()
        await self.publish(scheduled(session_id, proctors, starts_in=starts_in))
        await self.until_row(
            "SELECT 1 FROM sessions WHERE session_id = :id AND title IS NOT NULL", id=session_id
        )
        return str(session_id)

    async def mail(self, person: Person, number: int = 1) -> EmailMessage:
        """Wait until the person has received `number` mails, and return the mail with that number."""

        async def arrived() -> bool:
            return len(self.sink.mails_to(person.email)) >= number

        await until(arrived)
        mails = self.sink.mails_to(person.email)
        assert len(mails) == number
        return mails[-1]

    async def delivery_state(self, person: Person, channel_name: str = "email") -> str:
        """Return the state of the person's newest delivery by the channel `channel_name`."""
        rows = await self.rows(
            "SELECT state FROM deliveries WHERE person_id = :id AND channel = :channel "
            "ORDER BY created_at DESC LIMIT 1",
            id=person.person_id,
            channel=channel_name,
        )
        return str(rows[0][0]) if rows else "none"

    async def until_state(self, person: Person, state: str) -> None:
        async def reached() -> bool:
            return await self.delivery_state(person) == state

        await until(reached)

    async def delivery(self, person: Person) -> pb.Delivery:
        """Return the person's newest mail delivery, which an administrator requests from DeliveryService."""
        request = pb.ListDeliveriesRequest(person_id=person.id)
        found = await self.person("administrator").deliveries.ListDeliveries(request)
        return next(each for each in found.deliveries if each.channel == pb.CHANNEL_EMAIL)


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


def readmitted(session_id: str, person: Person) -> session_events.ParticipantReadmitted:
    return session_events.ParticipantReadmitted(
        participant_id=str(new_id()), session_id=session_id, person_id=person.id
    )


def ended_for(session_id: str, person: Person) -> session_events.ParticipantEnded:
    return session_events.ParticipantEnded(
        participant_id=str(new_id()), session_id=session_id, person_id=person.id
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
