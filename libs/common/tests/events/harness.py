"""The harness of the event tests: a database, a broker, and the relays and subscribers that a test runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from nats.js.errors import NotFoundError
from sqlalchemy import func, insert, select

from proctorium.enrollment.events.v1.events_pb2 import PersonCertified
from proctorium_common.events.broker import Broker
from proctorium_common.events.handling import EventMetadata, Handlers
from proctorium_common.events.permissions import DECLARER
from proctorium_common.events.relay import Relay
from proctorium_common.events.streams import declare
from proctorium_common.events.subscriber import RetryPolicy, Subscriber
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.listen import Listener
from proctorium_common.storage.tables import dead_letters, inbox, outbox
from proctorium_common.tasks import end
from proctorium_common.telemetry.metrics import Metrics
from proctorium_common.topology import ServiceTopology, Subscription
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.testing import TESTER

from ..sample.storage.tables import effects

CONSUMER = "sample--people"
STREAM = "ENROLLMENT"
ACK_WAIT = timedelta(seconds=1)
QUICK = RetryPolicy(initial_delay=timedelta(milliseconds=20), max_delay=timedelta(milliseconds=60))

TOPOLOGY = {
    "enrollment": ServiceTopology(
        name="enrollment",
        publishes=("person.created", "person.certified"),
    ),
    "sample": ServiceTopology(
        name="sample",
        subscriptions=(
            Subscription(CONSUMER, "enrollment", ("person.created", "person.certified")),
        ),
    ),
}


def certified(person: UUID, nth: int = 1) -> PersonCertified:
    """Return an event of the aggregate `person`. The event has the number `nth`."""
    return PersonCertified(person_id=str(person), certified_until_time=Timestamp(seconds=nth))


class Effects:
    """A handler that writes effects to the database. A test can block it, make it fail, or wait for a call."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []
        self.metadata: list[EventMetadata] = []
        self.fail: Callable[[PersonCertified, EventMetadata], Exception | None] = (
            lambda event, metadata: None
        )
        self.gates: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Condition()

    async def __call__(
        self, transaction: Transaction, event: PersonCertified, metadata: EventMetadata
    ) -> None:
        nth = event.certified_until_time.seconds
        self.metadata.append(metadata)
        await self._see(event.person_id, nth)
        if gate := self.gates.get(event.person_id):
            await gate.wait()
        if error := self.fail(event, metadata):
            raise error
        await transaction.execute(insert(effects), {"what": event.person_id, "nth": nth})

    async def _see(self, person: str, nth: int) -> None:
        async with self._changed:
            self.seen.append((person, nth))
            self._changed.notify_all()

    async def until_seen(self, enough: int) -> None:
        """Wait until the handler has been called `enough` times."""
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: len(self.seen) >= enough)

    @property
    def handlers(self) -> Handlers:
        """The mapping that registers this object as the handler of the events that `certified` returns."""
        return {PersonCertified: self}


class Harness:
    """The database, the broker, and the relays and subscribers of one test."""

    def __init__(self, database: Database, nats: Nats) -> None:
        self.database = database
        self.nats = nats
        self.broker = Broker(nats.url, nats.identity("sample"))
        """The connection of the service that subscribes, which is `sample`, to the broker."""
        self.owner = Broker(nats.url, nats.identity("enrollment"))
        """The connection of the service that publishes, which is enrollment, to the broker."""
        self.tester = Broker(nats.url, nats.identity(TESTER))
        """A connection to the broker with more permissions than a service has."""
        self.listener = Listener(database)
        self.effects = Effects()

    async def declare(self) -> None:
        """Declare the streams and consumers on the broker."""
        await declare(self.nats.url, TOPOLOGY, self.nats.identity(DECLARER), ack_wait=ACK_WAIT)

    async def close(self) -> None:
        """Close all connections to the broker."""
        for broker in (self.broker, self.owner, self.tester):
            await broker.close()
        await self.listener.close()

    async def record(self, *events: PersonCertified) -> list[UUID]:
        """Record `events` in one transaction; return the ids of the events."""
        async with self.database.transaction() as transaction:
            return [transaction.record(event) for event in events]

    @asynccontextmanager
    async def relay(self, *, metrics: Metrics | None = None) -> AsyncIterator[Relay]:
        """Run a relay within the block."""
        relay = Relay(
            self.database,
            self.owner,
            self.listener,
            lock_poll_interval=timedelta(milliseconds=20),
            metrics=metrics,
        )
        async with running(relay.run()):
            yield relay

    @asynccontextmanager
    async def subscriber(
        self,
        handlers: Handlers | None = None,
        *,
        retry: RetryPolicy = QUICK,
        concurrency: int = 16,
        metrics: Metrics | None = None,
    ) -> AsyncIterator[Subscriber]:
        """Run a subscriber within the block, and drain the subscriber at the end of the block."""
        subscriber = Subscriber(
            self.database,
            self.broker,
            CONSUMER,
            handlers or self.effects.handlers,
            retry=retry,
            concurrency=concurrency,
            metrics=metrics,
        )
        task = asyncio.create_task(subscriber.run())
        try:
            yield subscriber
        finally:
            subscriber.stop()
            async with asyncio.timeout(30):
                await task

    async def effects_of(self, person: UUID | None = None) -> list[int]:
        """Return the numbers of the effects in the order in which they were written.

        If `person` is given, return only the numbers of the effects of this aggregate.
        """
        query = select(effects.c.nth).order_by(effects.c.id)
        if person is not None:
            query = query.where(effects.c.what == str(person))
        async with self.database.transaction() as transaction:
            return list((await transaction.execute(query)).scalars())

    async def count_effects(self) -> int:
        """Return the number of all effects."""
        return len(await self.effects_of())

    async def unpublished(self) -> int:
        """Return the number of unpublished events in the outbox."""
        query = select(func.count()).where(outbox.c.published_at.is_(None))
        async with self.database.transaction() as transaction:
            return (await transaction.execute(query)).scalar_one()

    async def inbox_rows(self) -> int:
        """Return the number of rows in the inbox."""
        async with self.database.transaction() as transaction:
            return (await transaction.execute(select(func.count()).select_from(inbox))).scalar_one()

    async def dead_letters(self) -> int:
        """Return the number of open dead letters."""
        query = select(func.count()).where(dead_letters.c.resolved_at.is_(None))
        async with self.database.transaction() as transaction:
            return (await transaction.execute(query)).scalar_one()

    async def in_stream(self) -> int:
        """Return the number of messages in the stream, or -1 if the stream does not exist."""
        client = await self.tester.connected()
        try:
            return (await client.jetstream().stream_info(STREAM)).state.messages
        except NotFoundError:
            return -1

    async def unacknowledged(self) -> int:
        """Return the number of messages that the consumer has not acknowledged, including undelivered messages."""
        client = await self.tester.connected()
        info = await client.jetstream().consumer_info(STREAM, CONSUMER)
        return (info.num_ack_pending or 0) + (info.num_pending or 0)

    async def is_published(self) -> bool:
        """Return whether all events in the outbox have been published."""
        return await self.unpublished() == 0

    async def accepts_repeated_id(self) -> bool:
        """Publish a message with a fixed message id; return False if the stream refuses it as a duplicate."""
        client = await self.tester.connected()
        ack = await client.jetstream().publish(
            "evt.enrollment.person.other.v1.x", b"", headers={"Nats-Msg-Id": "the same"}
        )
        return not ack.duplicate

    async def delivered(self) -> int:
        """Return the number of deliveries to the consumer, including redeliveries."""
        client = await self.tester.connected()
        info = await client.jetstream().consumer_info(STREAM, CONSUMER)
        return info.delivered.consumer_seq if info.delivered else 0

    async def has_pending_acks(self, count: int) -> bool:
        """Return whether exactly `count` events have been delivered but not yet acknowledged."""
        client = await self.tester.connected()
        info = await client.jetstream().consumer_info(STREAM, CONSUMER)
        return bool(info.num_ack_pending == count)

    async def is_settled(self) -> bool:
        """Return whether all events have been published and acknowledged by the consumer."""
        return await self.unpublished() == 0 and await self.unacknowledged() == 0


@asynccontextmanager
async def running(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run `work` within the block and cancel `work` at the end; raise the error of `work` if there was one."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        async with asyncio.timeout(30):
            await end(task)
        if not task.cancelled():
            task.result()


def people(count: int) -> list[UUID]:
    """Return the IDs of `count` new aggregates."""
    return [new_id() for _ in range(count)]
