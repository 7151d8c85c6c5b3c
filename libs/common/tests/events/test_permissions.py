"""Test the checks of subscribers, and the permissions of services with a real NATS server and the real topology."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.js.errors import NotFoundError
from structlog.testing import capture_logs

from proctorium.enrollment.events.v1.events_pb2 import PersonCertified, PersonCreated
from proctorium_common.clock import utc_now
from proctorium_common.events.broker import Broker
from proctorium_common.events.dead_letters import DeadLetters
from proctorium_common.events.envelope import Envelope, wrap
from proctorium_common.events.identity import inbox_prefix
from proctorium_common.events.permissions import DECLARER, configuration, users_of
from proctorium_common.events.pull import Pull
from proctorium_common.ids import new_id
from proctorium_common.tasks import end
from proctorium_common.topology import Topology, services
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.testing import TESTER
from proctorium_devstack.testing.waiting import until

from .harness import CONSUMER, TOPOLOGY, Harness, certified

VICTIM, ATTACKER = "session", "notification"
VICTIMS_CONSUMER = ("ENROLLMENT", "session--certifications")


@pytest.fixture
def broker_topology() -> Topology:
    return services()


@pytest_asyncio.fixture
async def declared(own_nats: Nats) -> Nats:
    await own_nats.declare()
    return own_nats


class Connection:
    """A NATS client with the identity of a service, and the refusals that the client has received."""

    def __init__(self, client: Client, refusals: list[str]) -> None:
        self.client = client
        self._refusals = refusals

    async def is_refused(self, work: Awaitable[object], subject: str) -> None:
        """Await `work`; check that the server refuses `subject` and that the connection stays open."""
        self._refusals.clear()
        await work
        await self.client.flush()
        await until(lambda: self._refusals)
        assert "permissions violation" in self._refusals[0].lower()
        assert f'"{subject.lower()}"' in self._refusals[0].lower()
        assert self.client.is_connected


@asynccontextmanager
async def connected(server: Nats, name: str) -> AsyncIterator[Connection]:
    refusals: list[str] = []

    async def note(error: Exception) -> None:
        refusals.append(str(error))

    identity = server.identity(name)
    client = identity.client()
    await client.connect(server.url, **identity.options(), error_cb=note, allow_reconnect=False)
    try:
        yield Connection(client, refusals)
    finally:
        await client.close()


def forged() -> Envelope:
    return wrap(certified(new_id()), new_id(), utc_now())


async def test_connection_without_certificate_or_tls_is_refused(own_nats: Nats) -> None:
    assert b"PONG" in await response_to(own_nats, own_nats.identity(VICTIM).tls)
    without_certificate = ssl.create_default_context(cafile=own_nats.pair(VICTIM).authority)
    for context in (None, without_certificate):
        assert b"PONG" not in await response_to(own_nats, context)


async def test_certificate_of_an_unknown_user_is_refused(own_nats: Nats) -> None:
    for name in ("portal", "edge", "somebody"):
        response = await response_to(own_nats, own_nats.identity(name).tls)
        assert b"Authorization Violation" in response
        assert b"PONG" not in response


async def test_certificate_of_another_authority_is_refused(own_nats: Nats, nats: Nats) -> None:
    other = nats.pair(VICTIM)
    context = ssl.create_default_context(cafile=own_nats.pair(VICTIM).authority)
    context.load_cert_chain(other.certificate, other.key)
    assert b"PONG" not in await response_to(own_nats, context)


async def response_to(server: Nats, context: ssl.SSLContext | None) -> bytes:
    """Send CONNECT and PING to the server; return the bytes that the server sends back."""
    response = b""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
    try:
        writer.write(b'CONNECT {"verbose":false,"lang":"test","version":"1"}\r\nPING\r\n')
        async with asyncio.timeout(5):
            while b"PONG" not in response and (more := await reader.read(4096)):
                response += more
    except (OSError, TimeoutError):
        pass
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return response


REFUSED_PUBLISH_SUBJECTS = (
    "evt.enrollment.person.certified.v1.somebody",
    "evt.session.participant.assessment-authorized.v1.somebody",
    "$JS.API.STREAM.DELETE.ENROLLMENT",
    "$JS.API.STREAM.PURGE.ENROLLMENT",
    "$JS.API.STREAM.UPDATE.NOTIFICATION",
    "$JS.API.STREAM.INFO.NOTIFICATION",
    "$JS.API.STREAM.MSG.GET.NOTIFICATION",
    "$JS.API.STREAM.MSG.DELETE.NOTIFICATION",
    "$JS.API.DIRECT.GET.ENROLLMENT",
    "$JS.API.CONSUMER.CREATE.ENROLLMENT",
    "$JS.API.CONSUMER.CREATE.ENROLLMENT.notification--codes",
    "$JS.API.CONSUMER.DURABLE.CREATE.ENROLLMENT.notification--more",
    "$JS.API.CONSUMER.DELETE.ENROLLMENT.notification--codes",
    "$JS.API.CONSUMER.PAUSE.ENROLLMENT.notification--codes",
    "$JS.API.CONSUMER.LIST.ENROLLMENT",
    "$JS.API.CONSUMER.INFO.ENROLLMENT.session--certifications",
    "$JS.API.CONSUMER.MSG.NEXT.ENROLLMENT.session--certifications",
    "$JS.ACK.ENROLLMENT.session--certifications.1.1.1.1.0",
    "$JS.API.INFO",
    "$JS.API.ACCOUNT.PURGE.$G",
    "$SYS.REQ.SERVER.PING",
    "_INBOX_session.guessed.guessed",
    "_INBOX_notification.own",
    "_INBOX.any",
)
REFUSED_SUBSCRIBE_SUBJECTS = (
    "evt.>",
    "evt.enrollment.>",
    "evt.notification.>",
    "_INBOX_session.>",
    "_INBOX.>",
    ">",
    "$JS.>",
)


async def test_service_can_publish_only_its_events_and_use_only_its_consumers(
    declared: Nats,
) -> None:
    async with connected(declared, ATTACKER) as attacker:
        for subject in REFUSED_PUBLISH_SUBJECTS:
            await attacker.is_refused(attacker.client.publish(subject, b"{}"), subject)
    tester = await declared.connect(TESTER)
    assert [info.state.messages for info in await tester.jetstream().streams_info()] == [0] * 5
    await tester.close()


async def test_service_can_subscribe_only_to_its_inboxes(declared: Nats) -> None:
    async with connected(declared, ATTACKER) as attacker:
        for subject in REFUSED_SUBSCRIBE_SUBJECTS:
            await attacker.is_refused(attacker.client.subscribe(subject), subject)


async def test_declarer_cannot_delete_purge_or_read(
    declared: Nats,
) -> None:
    async with connected(declared, DECLARER) as declarer:
        for subject in (
            "evt.session.session.started.v1.any",
            "$JS.API.STREAM.DELETE.SESSION",
            "$JS.API.STREAM.PURGE.SESSION",
            "$JS.API.STREAM.MSG.GET.SESSION",
            "$JS.API.STREAM.CREATE.OTHER",
            "$JS.API.CONSUMER.DELETE.ENROLLMENT.session--certifications",
            "$JS.API.CONSUMER.CREATE.ENROLLMENT",
            "$JS.API.CONSUMER.MSG.NEXT.ENROLLMENT.session--certifications",
            "$JS.ACK.ENROLLMENT.session--certifications.1.1.1.1.0",
        ):
            await declarer.is_refused(declarer.client.publish(subject, b"{}"), subject)
        await declarer.is_refused(declarer.client.subscribe("evt.>"), "evt.>")


async def test_allowed_requests_of_a_service_succeed(declared: Nats) -> None:
    async with connected(declared, VICTIM) as owner:
        jetstream = owner.client.jetstream()
        await jetstream.publish("evt.session.session.started.v1.any", b"")
        info = await jetstream.consumer_info(*VICTIMS_CONSUMER)
        assert info.name == VICTIMS_CONSUMER[1]
        tester = await declared.connect(TESTER)
        await tester.jetstream().delete_consumer(*VICTIMS_CONSUMER)
        await tester.close()
        with pytest.raises(NotFoundError):
            await jetstream.consumer_info(*VICTIMS_CONSUMER)


async def test_message_sent_to_anothers_inbox_is_refused(
    declared: Nats,
) -> None:
    """Check that a client refuses messages that another service has sent to the inbox of the client.

    An attacker can request messages from its own consumer and give the victim's inbox as the reply subject. NATS then
    delivers the messages to the victim's inbox, so the victim's client must refuse the messages.
    """
    accepted: list[str] = []
    async with connected(declared, VICTIM) as victim, connected(declared, ATTACKER) as attacker:
        inbox = victim.client.new_inbox()
        victim.client.new_inbox = lambda: inbox  # type: ignore[method-assign]  # as if the attacker had guessed the inbox
        pull = Pull(
            victim.client,
            *VICTIMS_CONSUMER,
            max_in_flight=8,
            free_slots=lambda: 8,
            on_message=lambda message: accepted.append(message.subject),
        )
        running = asyncio.create_task(pull.run())
        owner = await declared.connect("identity")
        await owner.jetstream().publish("evt.identity.case.verified.v1.any", b"forged")
        await owner.close()
        next_of = "$JS.API.CONSUMER.MSG.NEXT.IDENTITY.notification--identity"
        with capture_logs() as logs:
            await attacker.client.publish(next_of, json.dumps({"batch": 1}).encode(), inbox)
            await until(lambda: [line for line in logs if line["event"] == "message_refused"])
        await end(running)
    assert accepted == []


async def test_foreign_acknowledgement_as_reply_subject_is_refused(declared: Nats) -> None:
    async with connected(declared, ATTACKER) as attacker:
        forged_reply = "$JS.ACK.ENROLLMENT.session--certifications.1.1.1.1.0"
        subject = "evt.notification.delivery.sent.v1.any"
        await attacker.is_refused(attacker.client.publish(subject, b"", forged_reply), forged_reply)


async def test_broker_reconnects_after_a_stalled_handshake(
    own_nats: Nats,
) -> None:
    """Check that a broker connects after a handshake without a response, which a load balancer can cause."""
    await own_nats.stop()
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(
        lambda _, writer: writers.append(writer), "127.0.0.1", own_nats.port
    )
    broker = Broker(own_nats.url, own_nats.identity(VICTIM))
    with capture_logs() as logs:
        broker.start()
        await until(lambda: [line for line in logs if line["event"] == "broker_unreachable"])
    silent.close()
    for writer in writers:
        writer.transport.abort()
    await silent.wait_closed()
    await own_nats.start()
    async with asyncio.timeout(30):
        client = await broker.connected()
    assert client.is_connected
    await broker.close()


async def test_denied_permission_is_logged(declared: Nats) -> None:
    broker = Broker(declared.url, declared.identity(ATTACKER))
    with capture_logs() as logs:
        client = await broker.connected()
        await client.publish("evt.session.session.started.v1.any", b"")
        await until(lambda: [line for line in logs if line["event"] == "broker_permission_denied"])
    await broker.close()


def test_users_are_the_services_with_events_and_the_declarer() -> None:
    users = {
        user["user"]
        for user in json.loads(configuration(users_of(services())))["authorization"]["users"]
    }
    assert users == {name for name in services() if name != "portal"} | {DECLARER}


def test_no_service_may_manage_streams_or_publish_to_inboxes() -> None:
    for user in users_of(services()):
        assert user.publish is not None
        assert not [subject for subject in user.publish if subject.startswith(("_INBOX", ">", "*"))]
        assert user.subscribe == (f"{inbox_prefix(user.name)}.>",)
        if user.name != DECLARER:
            assert not [subject for subject in user.publish if "STREAM" in subject]


class TestSubscriber:
    """Test that a subscriber checks whether an envelope matches its subject, even if NATS checks no permissions."""

    @pytest.fixture
    def broker_topology(self) -> Topology:
        return {**services(), "sample": TOPOLOGY["sample"]}

    @pytest.mark.parametrize(
        "change",
        [
            lambda headers: headers.pop("ce-source"),
            lambda headers: headers.update({"ce-source": "/proctorium/session"}),
            lambda headers: headers.update({"ce-source": "enrollment"}),
            lambda headers: headers.update({"ce-type": "proctorium.enrollment.person.created.v1"}),
        ],
        ids=["missing", "another", "misspelt", "type"],
    )
    async def test_event_with_a_wrong_source_becomes_a_dead_letter(
        self, harness: Harness, change: Callable[[dict[str, str]], object]
    ) -> None:
        event = forged()
        headers = dict(event.headers)
        change(headers)
        effects = harness.effects
        client = await harness.tester.connected()
        with capture_logs() as logs:
            async with harness.subscriber({PersonCertified: effects, PersonCreated: effects}):
                await client.jetstream().publish(event.subject, event.body, headers=headers)
                await until(harness.is_settled)
        assert await harness.count_effects() == 0
        assert await harness.inbox_rows() == 0, (
            "the genuine event with this id can still be handled"
        )
        (letter,) = await DeadLetters(harness.database, {CONSUMER: harness.effects.handlers}).list()
        assert (letter.reason, letter.deliveries) == ("WrongSourceError", 1)
        (line,) = [line for line in logs if line["event"] == "event_dead_lettered"]
        assert line["log_level"] == "error"

    async def test_dead_letter_with_a_wrong_source_cannot_be_redriven(
        self, harness: Harness
    ) -> None:
        event = forged()
        headers = {**event.headers, "ce-source": "/proctorium/session"}
        client = await harness.tester.connected()
        async with harness.subscriber():
            await client.jetstream().publish(event.subject, event.body, headers=headers)
            await until(harness.is_settled)
        letters = DeadLetters(harness.database, {CONSUMER: harness.effects.handlers})
        assert await letters.redrive_all() == (0, 1)
        assert await harness.count_effects() == 0

    async def test_relay_cannot_publish_events_of_another_service(self, harness: Harness) -> None:
        """Check that the event stays in the outbox, because NATS refuses to publish the event."""
        await harness.record(certified(new_id()))
        harness.owner, owner = harness.broker, harness.owner
        with capture_logs() as logs:
            async with harness.relay():
                await until(
                    lambda: [line for line in logs if line["event"] == "broker_permission_denied"]
                )
        harness.owner = owner
        assert await harness.unpublished() == 1
        assert await harness.in_stream() == 0
