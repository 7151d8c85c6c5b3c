"""How long an event takes from its commit until its effect is committed elsewhere, through database, relay and broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import quantiles
from uuid import UUID

from proctorium.enrollment.events.v1.events_pb2 import PersonCertified
from proctorium_common.events.broker import Broker
from proctorium_common.events.handling import EventMetadata, Handlers
from proctorium_common.events.relay import Relay
from proctorium_common.events.streams import declare
from proctorium_common.events.subscriber import Delivery, Subscriber
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.listen import Listener
from proctorium_common.topology import ServiceTopology, Subscription

_CONSUMER = "measured--events"
_TOPOLOGY = {
    "enrollment": ServiceTopology("enrollment", "", "", "", publishes=("person.certified",)),
    "measured": ServiceTopology(
        "measured",
        "",
        "",
        "",
        subscriptions=(Subscription(_CONSUMER, "enrollment", ("person.certified",)),),
    ),
}
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from commit to commit, over `events` events."""

    p50_ms: float
    p99_ms: float
    events: int


class _Timed(Subscriber):
    """Notes when each effect was committed: the moment before it is acknowledged."""

    def __init__(
        self, database: Database, broker: Broker, consumer: str, handlers: Handlers
    ) -> None:
        super().__init__(database, broker, consumer, handlers)
        self.handled: dict[UUID, float] = {}
        self.came = asyncio.Event()

    async def _settle(
        self,
        delivery: Delivery,
        answer: Callable[[], Awaitable[None]],
        *,
        keep_held: bool = False,
    ) -> None:
        self.handled[delivery.arrival.event_id] = time.perf_counter()
        self.came.set()
        await super()._settle(delivery, answer, keep_held=keep_held)


async def measure_latency(
    database_url: str, nats_url: str, *, per_second: int = 100, seconds: float = 5.0
) -> Latency:
    """Records events at a steady rate and handles them, in this process.

    The database has the common tables and nothing else to do; the broker is empty, and has a stream more afterwards.
    """
    await declare(nats_url, _TOPOLOGY)
    async with _running(database_url, nats_url) as (database, subscriber):
        # What is prepared once (statements, connections) is not what is measured.
        await _record(database, per_second, 1.0, subscriber)
        committed = await _record(database, per_second, seconds, subscriber)
    taken = [
        max(0.0, subscriber.handled[event_id] - at) * 1000 for event_id, at in committed.items()
    ]
    cuts = quantiles(taken, n=100, method="inclusive")
    return Latency(p50_ms=cuts[49], p99_ms=cuts[98], events=len(taken))


@asynccontextmanager
async def _running(database_url: str, nats_url: str) -> AsyncIterator[tuple[Database, _Timed]]:
    database, broker = Database(database_url), Broker(nats_url)
    listener = Listener(database)

    async def handle(_: Transaction, __: PersonCertified, ___: EventMetadata) -> None:
        """The inbox row is the effect."""

    subscriber = _Timed(database, broker, _CONSUMER, {PersonCertified: handle})
    async with AsyncExitStack() as stack:
        for close in (database.close, broker.close, listener.close):
            stack.push_async_callback(close)
        relay = asyncio.create_task(Relay(database, broker, listener).run())
        stack.push_async_callback(_ended, relay)
        handling = asyncio.create_task(subscriber.run())
        stack.callback(relay.cancel)
        try:
            yield database, subscriber
        finally:
            subscriber.stop()
            await handling


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.wait({task})


async def _record(
    database: Database, per_second: int, seconds: float, subscriber: _Timed
) -> dict[UUID, float]:
    """When each event was committed; returns after all of them were handled."""
    committed: dict[UUID, float] = {}
    began = time.perf_counter()
    for nth in range(int(per_second * seconds)):
        await asyncio.sleep(max(0.0, began + nth / per_second - time.perf_counter()))
        async with database.transaction() as transaction:
            event_id = transaction.record(PersonCertified(person_id=str(new_id())))
        committed[event_id] = time.perf_counter()
    async with asyncio.timeout(_PATIENCE):
        while not committed.keys() <= subscriber.handled.keys():
            subscriber.came.clear()
            await subscriber.came.wait()
    return committed
