"""Measure the latency of an event from the outbox through the relay and the broker to the inbox.

The latency is the time from the commit of the event to the commit of its effect. The limit is the latency of the same
path with the bare drivers, measured in the same run. For the limit, the program commits a row, publishes the id of the
row, waits for the acknowledgement of the broker, receives the message, and commits a second row.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import quantiles
from uuid import UUID

import asyncpg
import nats
from nats.aio.msg import Msg
from sqlalchemy import make_url

from e2e.bench.harness import Figure, start_harness
from proctorium.enrollment.events.v1.events_pb2 import PersonCertified
from proctorium_common.events.broker import Broker
from proctorium_common.events.handling import EventMetadata, Handlers
from proctorium_common.events.identity import BrokerIdentity
from proctorium_common.events.relay import Relay
from proctorium_common.events.streams import declare
from proctorium_common.events.subscriber import Delivery, Subscriber
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.listen import Listener
from proctorium_common.topology import ServiceTopology, Subscription

_CONSUMER = "measured--events"
# Any service could be measured, because the database of every service has the common tables.
PACKAGE = "proctorium_enrollment"
_TOPOLOGY = {
    "enrollment": ServiceTopology("enrollment", publishes=("person.certified",)),
    "measured": ServiceTopology(
        "measured",
        subscriptions=(Subscription(_CONSUMER, "enrollment", ("person.certified",)),),
    ),
}
_MEASURED = BrokerIdentity("measured")
_TIMEOUT_SECONDS = 30.0


_PER_SECOND = 100
_ROUNDS = 3
_SECONDS = 5.0
_BARE_SUBJECT = "bare.event"


@dataclass(frozen=True, slots=True)
class Latency:
    """The median and the 99th percentile of the latency, in milliseconds."""

    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Latency:
        """Return the median and the 99th percentile of latencies that are given in seconds."""
        cuts = quantiles([each * 1000 for each in seconds], n=100, method="inclusive")
        return cls(p50_ms=cuts[49], p99_ms=cuts[98])


async def measure(*, rounds: int = _ROUNDS, seconds: float = _SECONDS) -> list[Figure]:
    """Measure the limit and our code in turn with a new NATS and PostgreSQL with fsync; return the figures."""
    async with start_harness(streams=False) as bench:
        url = await bench.database(PACKAGE)
        bare_url = await bench.postgres.ensure_database("bare")
        samples = []
        for _ in range(rounds):
            limit = await measure_limit(bare_url, bench.broker.url, seconds=seconds)
            ours = await measure_latency(url, bench.broker.url, seconds=seconds)
            samples.append((ours, limit))
    ours, limit = sorted(samples, key=lambda sample: sample[0].p50_ms)[rounds // 2]
    return [
        Figure.of("event_p50_ms", "ms", ours.p50_ms, limit.p50_ms),
        Figure.of("event_p99_ms", "ms", ours.p99_ms, limit.p99_ms),
    ]


async def measure_limit(
    database_url: str, nats_url: str, *, per_second: int = _PER_SECOND, seconds: float = _SECONDS
) -> Latency:
    """Return the lowest possible latency: a commit, a publication and a commit, made directly with the drivers."""
    plain = make_url(database_url).set(drivername="postgresql")
    address = plain.render_as_string(hide_password=False)
    handled: dict[str, float] = {}
    client = await nats.connect(nats_url)
    stream = client.jetstream()
    async with asyncpg.create_pool(address, min_size=4, max_size=4) as pool:
        await pool.execute("CREATE TABLE IF NOT EXISTS bare (id text, side text, body bytea)")
        await stream.add_stream(name="BARE", subjects=[_BARE_SUBJECT])

        async def handle(message: Msg) -> None:
            event_id = message.data.decode()
            await pool.execute("INSERT INTO bare VALUES ($1, 'in', $2)", event_id, message.data)
            handled[event_id] = time.perf_counter()
            await message.ack()

        await stream.subscribe(_BARE_SUBJECT, cb=handle, manual_ack=True)
        committed: dict[str, float] = {}
        start = time.perf_counter()
        for nth in range(int(per_second * seconds)):
            await asyncio.sleep(max(0.0, start + nth / per_second - time.perf_counter()))
            event_id = str(new_id())
            await pool.execute("INSERT INTO bare VALUES ($1, 'out', $2)", event_id, b"")
            committed[event_id] = time.perf_counter()
            await stream.publish(_BARE_SUBJECT, event_id.encode())
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            while not committed.keys() <= handled.keys():
                await asyncio.sleep(0.01)
        await stream.delete_stream("BARE")
    await client.close()
    return Latency.of(max(0.0, handled[event_id] - at) for event_id, at in committed.items())


class _Timed(Subscriber):
    """A subscriber that stores a time for each event.

    The time is taken after the commit of the event's effect and before the acknowledgement.
    """

    def __init__(
        self, database: Database, broker: Broker, consumer: str, handlers: Handlers
    ) -> None:
        super().__init__(database, broker, consumer, handlers)
        self.handled: dict[UUID, float] = {}
        self.changed = asyncio.Event()

    async def _respond(self, delivery: Delivery, send: Callable[[], Awaitable[None]]) -> None:
        self.handled[delivery.event.event_id] = time.perf_counter()
        self.changed.set()
        await super()._respond(delivery, send)


async def measure_latency(
    database_url: str, nats_url: str, *, per_second: int = _PER_SECOND, seconds: float = _SECONDS
) -> Latency:
    """Record events at a steady rate, handle the events in this process, and return their latency.

    The database must have the common tables. This function declares the stream on the broker.
    """
    await declare(nats_url, _TOPOLOGY, _MEASURED)
    async with _running(database_url, nats_url) as (database, subscriber):
        # Warm up first, so that the connections are open and the statements are prepared during the measurement.
        await _record(database, per_second, seconds / 5, subscriber)
        committed = await _record(database, per_second, seconds, subscriber)
    return Latency.of(
        max(0.0, subscriber.handled[event_id] - at) for event_id, at in committed.items()
    )


@asynccontextmanager
async def _running(database_url: str, nats_url: str) -> AsyncIterator[tuple[Database, _Timed]]:
    database, broker = Database(database_url), Broker(nats_url, _MEASURED)
    listener = Listener(database)

    async def handle(_: Transaction, __: PersonCertified, ___: EventMetadata) -> None:
        """Do nothing, because the effect that is measured is the row that the subscriber adds to the inbox."""

    subscriber = _Timed(database, broker, _CONSUMER, {PersonCertified: handle})
    async with AsyncExitStack() as stack:
        for close in (database.close, broker.close, listener.close):
            stack.push_async_callback(close)
        relay = asyncio.create_task(Relay(database, broker, listener).run())
        stack.push_async_callback(_wait_until_done, relay)
        handling = asyncio.create_task(subscriber.run())
        stack.callback(relay.cancel)
        try:
            yield database, subscriber
        finally:
            subscriber.stop()
            await handling


async def _wait_until_done(task: asyncio.Task[None]) -> None:
    await asyncio.wait({task})


async def _record(
    database: Database, per_second: int, seconds: float, subscriber: _Timed
) -> dict[UUID, float]:
    """Record events and wait until all events are handled; return the time of each event's commit by event id."""
    committed: dict[UUID, float] = {}
    start = time.perf_counter()
    for nth in range(int(per_second * seconds)):
        await asyncio.sleep(max(0.0, start + nth / per_second - time.perf_counter()))
        async with database.transaction() as transaction:
            event_id = transaction.record(PersonCertified(person_id=str(new_id())))
        committed[event_id] = time.perf_counter()
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        while not committed.keys() <= subscriber.handled.keys():
            subscriber.changed.clear()
            await subscriber.changed.wait()
    return committed
