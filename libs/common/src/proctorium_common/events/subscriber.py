"""The subscriber: takes a durable consumer's events and has their effects, each once, in order per aggregate.

Acknowledged after the commit. What fails is brought again with a growing delay, the later events of its aggregate
behind it; what keeps failing, or cannot be read, becomes a dead letter. Consumers are declared at deployment
(`streams.py`), never here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import ConsumerConfig
from nats.js.errors import APIError, NotFoundError
from sqlalchemy.exc import DBAPIError

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.events import dead_letters
from proctorium_common.events.broker import Broker, Reminder
from proctorium_common.events.envelope import ID
from proctorium_common.events.handling import Arrival, Handlers, Handling, UnreadableError
from proctorium_common.events.lanes import Lanes
from proctorium_common.events.pull import ConsumerLostError, Pull
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.topology import stream_of

_log = get_logger()

_LOOK_AGAIN = 1.0
_DEFAULT_ACK_WAIT = 10.0
_HELD_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how soon an event is brought again.

    Deliveries are finite: `failures` for what a handler raises, `unavailable` for what passes by itself (a database or
    another service away), which at the longest delay is hours.
    """

    first: timedelta = timedelta(milliseconds=200)
    longest: timedelta = timedelta(minutes=1)
    failures: int = 8
    unavailable: int = 200

    def delay(self, deliveries: int) -> float:
        """Return seconds until the next delivery, after the `deliveries`-th failed."""
        doubled = self.first.total_seconds() * 2.0 ** min(deliveries - 1, 30)
        return float(min(doubled, self.longest.total_seconds()))

    def is_over(self, deliveries: int, error: Exception) -> bool:
        """Return whether the event is to be a dead letter instead."""
        if isinstance(error, UnreadableError):
            return True
        return deliveries >= (self.unavailable if _passes(error) else self.failures)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that is being handled, with how often it was delivered for its own sake."""

    message: Msg
    arrival: Arrival

    @property
    def key(self) -> int:
        """Its place in the stream: the same at each delivery."""
        return self.message.metadata.sequence.stream

    @property
    def aggregate(self) -> str:
        """`<owner>.<aggregate>…<id>` of `evt.<owner>.<aggregate>.<action>.v1.<id>`."""
        parts = self.message.subject.split(".")
        return ".".join((*parts[1:3], *parts[5:]))


class Subscriber:
    """One consumer of one service. `run` it; `stop` lets it drain."""

    def __init__(
        self,
        database: Database,
        broker: Broker,
        consumer: str,
        handlers: Handlers,
        *,
        side_by_side: int = 16,
        capacity: int = 128,
        retry: Retry | None = None,
    ) -> None:
        """Run at most `side_by_side` handlers at once and take at most `capacity` events, all of one owner."""
        self.consumer = consumer
        self.handlers = handlers
        self._handling = Handling(database, consumer, handlers)
        owners = {name.owner for name in self._handling.names}
        if len(owners) != 1:
            raise ValueError(f"{consumer} must listen to one owner, not to {sorted(owners)}")
        self._stream = stream_of(owners.pop())
        self._database = database
        self._broker = broker
        self._retry = retry or Retry()
        self._capacity = capacity
        self._lanes = Lanes(self._work, self._hold_back, side_by_side)
        self._in_hand: dict[int, Delivery] = {}
        self._held: dict[int, int] = {}
        self._ack_wait = _DEFAULT_ACK_WAIT
        self._patience_known = asyncio.Event()
        self._reminder = Reminder()
        self._pull: Pull | None = None
        self._stopping = asyncio.Event()

    @property
    def is_attached(self) -> bool:
        """Whether the consumer is there and being pulled from; what health reports."""
        return self._pull is not None

    def stop(self) -> None:
        """Take nothing more; `run` returns when the running handlers have ended."""
        self._stopping.set()
        if self._pull is not None:
            self._pull.stop()

    async def run(self) -> None:
        """Handle events until `stop`. When it is cancelled instead, the events in hand are delivered again."""
        heartbeat = asyncio.create_task(self._keep_in_hand())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            while not self._stopping.is_set():
                client = await _first(self._broker.connected(), stopping)
                if client is None:
                    break
                await self._attend(client)
            await self._lanes.close()
        finally:
            heartbeat.cancel()
            stopping.cancel()
            self._lanes.cancel()

    async def _attend(self, client: Client) -> None:
        """Pull for as long as the consumer is there; return soon when it is not."""
        try:
            config = (await client.jetstream().consumer_info(self._stream, self.consumer)).config
        except NotFoundError:
            self._say("consumer_missing")
            await self._pause()
            return
        except (NatsError, APIError, TimeoutError, OSError) as error:
            self._say("consumer_unreachable", error=repr(error))
            await self._pause()
            return
        self._ack_wait = config.ack_wait or _DEFAULT_ACK_WAIT
        self._patience_known.set()
        self._compare(config)
        await self._pull_from(client)

    async def _pull_from(self, client: Client) -> None:
        pull = Pull(
            client,
            self._stream,
            self.consumer,
            capacity=self._capacity,
            room=lambda: self._capacity - len(self._in_hand),
            take=self._take,
        )
        quiet = self._broker.on_lost(lambda: pull.lose("the connection was lost"))
        self._pull = pull
        self._reminder.reset()
        try:
            if not self._stopping.is_set():
                await pull.run()
        except (ConsumerLostError, NatsError, OSError) as error:
            _log.warning("consumer_lost", consumer=self.consumer, error=str(error))
            await self._pause(0.1)
        finally:
            self._pull = None
            quiet()

    def _take(self, message: Msg) -> None:
        held = self._held.get(message.metadata.sequence.stream, 0)
        arrival = Arrival(
            subject=message.subject,
            headers=message.headers or {},
            body=message.data,
            # Being held back behind another is no failure of its own.
            deliveries=max(1, message.metadata.num_delivered - held),
        )
        delivery = Delivery(message, arrival)
        self._in_hand[delivery.key] = delivery
        self._lanes.offer(delivery.aggregate, delivery.key, delivery)

    async def _work(self, delivery: Delivery) -> float | None:
        """Handle the event and acknowledge it; return the delay when it is to be delivered again."""
        arrival = delivery.arrival
        try:
            await self._handling.handle(arrival, also=self._resolving(arrival))
        except Exception as error:  # noqa: BLE001 - whatever it is, the event is brought again or buried
            return await self._failed(delivery, error)
        await self._settle(delivery, delivery.message.ack)
        return None

    def _resolving(self, arrival: Arrival) -> Callable[[Transaction], Awaitable[None]] | None:
        """Close the dead letter, which can only be there if this is not the first time."""
        if arrival.deliveries == 1 and not arrival.is_replayed:
            return None

        async def close(transaction: Transaction) -> None:
            await dead_letters.resolve(transaction, self.consumer, arrival.event_id)

        return close

    async def _failed(self, delivery: Delivery, error: Exception) -> float | None:
        arrival = delivery.arrival
        said = {
            "consumer": self.consumer,
            "event_id": arrival.headers.get(ID, ""),
            "subject": arrival.subject,
            "deliveries": arrival.deliveries,
            "reason": dead_letters.reason_of(error),
        }
        if self._retry.is_over(arrival.deliveries, error) and await self._bury(arrival, error):
            _log.error("event_dead_lettered", **said)
            await self._settle(delivery, delivery.message.term)
            return None
        delay = self._retry.delay(arrival.deliveries)
        _log.warning("event_delayed", retry_seconds=delay, **said)
        await self._settle(delivery, lambda: delivery.message.nak(delay), keep_held=True)
        return delay

    async def _bury(self, arrival: Arrival, error: Exception) -> bool:
        try:
            await dead_letters.bury(self._database, self.consumer, arrival, error)
        except (ServiceError, DBAPIError, asyncpg.PostgresError):
            # Without its letter the event would be lost: it is brought again instead.
            _log.exception("dead_letter_not_kept", consumer=self.consumer, subject=arrival.subject)
            return False
        return True

    async def _hold_back(self, delivery: Delivery, delay: float) -> None:
        if len(self._held) >= _HELD_LIMIT:
            # Other replicas took these long ago; at worst an event is given up some deliveries too early.
            self._held.clear()
        self._held[delivery.key] = self._held.get(delivery.key, 0) + 1
        await self._settle(delivery, lambda: delivery.message.nak(delay), keep_held=True)

    async def _settle(
        self,
        delivery: Delivery,
        answer: Callable[[], Awaitable[None]],
        *,
        keep_held: bool = False,
    ) -> None:
        """Acknowledge to the broker. A lost acknowledgement means one more delivery, which the inbox recognises."""
        if not keep_held:
            self._held.pop(delivery.key, None)
        if self._in_hand.get(delivery.key) is delivery:
            del self._in_hand[delivery.key]
        try:
            await answer()
        except (NatsError, OSError) as error:
            _log.warning("answer_lost", consumer=self.consumer, error=repr(error))
        if self._pull is not None:
            self._pull.wake()

    async def _keep_in_hand(self) -> None:
        """Tell the broker, well within its acknowledgement time, that the events in hand are still being handled."""
        await self._patience_known.wait()
        while True:
            await asyncio.sleep(self._ack_wait / 3)
            self._lanes.forget_late()
            for delivery in list(self._in_hand.values()):
                try:
                    await delivery.message.in_progress()
                except (NatsError, OSError):
                    break  # the connection is away, and with it everything in hand

    def _compare(self, config: ConsumerConfig) -> None:
        """Log the subjects that the declared consumer does not deliver; it may be declared again at any time."""
        declared = set(config.filter_subjects or (config.filter_subject or ">",))
        lacking = sorted(
            name.subjects for name in self._handling.names if name.subjects not in declared
        )
        if lacking:
            _log.error("consumer_lacks_subjects", consumer=self.consumer, subjects=lacking)

    def _say(self, what: str, **fields: str) -> None:
        if self._reminder.due():
            _log.warning(what, consumer=self.consumer, stream=self._stream, **fields)

    async def _pause(self, seconds: float = _LOOK_AGAIN) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


def _passes(error: Exception) -> bool:
    """Return whether retrying can help."""
    if isinstance(error, ServiceError):
        return error.kind in {Kind.UNAVAILABLE, Kind.TIMED_OUT, Kind.EXHAUSTED}
    return isinstance(error, (DBAPIError, asyncpg.PostgresError, OSError))


async def _first(connecting: Awaitable[Client], stopping: asyncio.Task[bool]) -> Client | None:
    """Return the client, or None if stopping came first."""
    waiting = asyncio.ensure_future(connecting)
    try:
        await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else None
    finally:
        waiting.cancel()
