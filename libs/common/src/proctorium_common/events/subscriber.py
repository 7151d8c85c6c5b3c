"""The subscriber, which receives the events of a durable NATS consumer and handles each event only once.

The events of one aggregate are handled in order. An event is acknowledged after the transaction of its handler has
committed. A failed event is redelivered with exponential backoff, and the later events of its aggregate are deferred
until the redelivery. An event becomes a dead letter if it fails too often or cannot be parsed. The subscriber never
creates consumers, because the command `declare` creates the consumers at deployment (`streams.py`).
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

from proctorium_common.clock import utc_now
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.events import dead_letters
from proctorium_common.events.broker import Broker, LogLimiter
from proctorium_common.events.envelope import ID
from proctorium_common.events.handling import (
    EventDispatcher,
    Handlers,
    ReceivedEvent,
    TransactionHook,
    UnreadableError,
)
from proctorium_common.events.lanes import Lanes
from proctorium_common.events.pull import ConsumerLostError, Pull
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.metrics import Metrics
from proctorium_common.topology import stream_of

_log = get_logger()

_RETRY_SECONDS = 1.0
_DEFAULT_ACK_WAIT = 10.0
_DEFERRALS_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The maximum number of deliveries of a failed event, and the delays between the deliveries.

    `max_deliveries` is the maximum number of deliveries if the last failure is not transient. If the last failure is
    transient, such as an unavailable database, `max_transient_deliveries` is the maximum. With the default values, an
    event reaches `max_transient_deliveries` after about three hours.
    """

    initial_delay: timedelta = timedelta(milliseconds=200)
    max_delay: timedelta = timedelta(minutes=1)
    max_deliveries: int = 8
    max_transient_deliveries: int = 200

    def delay(self, deliveries: int) -> float:
        """Return the time in seconds after which an event is redelivered when `deliveries` deliveries have failed."""
        doubled = self.initial_delay.total_seconds() * 2.0 ** min(deliveries - 1, 30)
        return float(min(doubled, self.max_delay.total_seconds()))

    def is_exhausted(self, deliveries: int, error: Exception) -> bool:
        """Return whether an event that has failed with `error` becomes a dead letter, and is not redelivered."""
        if isinstance(error, UnreadableError):
            return True
        limit = self.max_transient_deliveries if _is_transient(error) else self.max_deliveries
        return deliveries >= limit


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that is not acknowledged yet, with the event in it."""

    message: Msg
    event: ReceivedEvent

    @property
    def sequence(self) -> int:
        """The message's sequence number in the stream, which is the same for each delivery."""
        return self.message.metadata.sequence.stream

    @property
    def aggregate(self) -> str:
        """The key of the event's aggregate, in the form `<owner>.<aggregate>.<id>`.

        The parts come from the subject, which has the form `evt.<owner>.<aggregate>.<action>.v1.<id>`.
        """
        parts = self.message.subject.split(".")
        return ".".join((*parts[1:3], *parts[5:]))


class Subscriber:
    """Handles the events of one consumer until `stop` is called."""

    def __init__(
        self,
        database: Database,
        broker: Broker,
        consumer: str,
        handlers: Handlers,
        *,
        concurrency: int = 16,
        max_in_flight: int = 128,
        retry: RetryPolicy | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """Create a subscriber with up to `concurrency` running handlers and `max_in_flight` unacknowledged events.

        Raises ValueError if the events have more than one owner.
        """
        self.consumer = consumer
        self.handlers = handlers
        self._dispatcher = EventDispatcher(database, consumer, handlers)
        owners = {name.owner for name in self._dispatcher.names}
        if len(owners) != 1:
            raise ValueError(
                f"{consumer} must subscribe to the events of one owner, not of {sorted(owners)}"
            )
        self.stream = stream_of(owners.pop())
        self._database = database
        self._broker = broker
        self._retry = retry or RetryPolicy()
        self._metrics = metrics or Metrics("unnamed")
        self._max_in_flight = max_in_flight
        self._lanes = Lanes(self._process, self._defer, concurrency)
        self._in_flight: dict[int, Delivery] = {}
        # The number of deferrals of each event, by the sequence of the event. The number of deferrals is subtracted
        # from the number of deliveries, because a deferral is not a failure.
        self._deferrals: dict[int, int] = {}
        self._ack_wait = _DEFAULT_ACK_WAIT
        self._ack_wait_known = asyncio.Event()
        self._log_limiter = LogLimiter()
        self._pull: Pull | None = None
        self._stopping = asyncio.Event()

    @property
    def is_consuming(self) -> bool:
        """Whether the consumer exists and its messages are being pulled. The health check reads this property."""
        return self._pull is not None

    def stop(self) -> None:
        """Stop receiving events. The method `run` returns when the running handlers have finished."""
        self._stopping.set()
        if self._pull is not None:
            self._pull.stop()

    async def run(self) -> None:
        """Handle events until `stop` is called. If `run` is cancelled, the broker redelivers unacknowledged events."""
        extending = asyncio.create_task(self._extend_ack_deadlines())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            while not self._stopping.is_set():
                client = await _client_unless_stopping(self._broker.connected(), stopping)
                if client is None:
                    break
                await self._consume(client)
            await self._lanes.close()
        finally:
            extending.cancel()
            stopping.cancel()
            self._lanes.cancel()

    async def _consume(self, client: Client) -> None:
        """Pull events until the consumer is lost.

        If the consumer does not exist or does not respond, waits for a moment and returns.
        """
        try:
            config = (await client.jetstream().consumer_info(self.stream, self.consumer)).config
        except NotFoundError:
            self._warn("consumer_missing")
            await self._wait_unless_stopping()
            return
        except (NatsError, APIError, TimeoutError, OSError) as error:
            self._warn("consumer_unreachable", error=repr(error))
            await self._wait_unless_stopping()
            return
        self._ack_wait = config.ack_wait or _DEFAULT_ACK_WAIT
        self._ack_wait_known.set()
        self._log_missing_subjects(config)
        await self._pull_from(client)

    async def _pull_from(self, client: Client) -> None:
        pull = Pull(
            client,
            self.stream,
            self.consumer,
            max_in_flight=self._max_in_flight,
            free_slots=lambda: self._max_in_flight - len(self._in_flight),
            on_message=self._on_message,
        )
        remove_callback = self._broker.on_disconnect(lambda: pull.fail("the connection was lost"))
        self._pull = pull
        self._log_limiter.reset()
        try:
            if not self._stopping.is_set():
                await pull.run()
        except (ConsumerLostError, NatsError, OSError) as error:
            _log.warning("consumer_lost", consumer=self.consumer, error=str(error))
            await self._wait_unless_stopping(0.1)
        finally:
            self._pull = None
            remove_callback()

    def _on_message(self, message: Msg) -> None:
        deferrals = self._deferrals.get(message.metadata.sequence.stream, 0)
        event = ReceivedEvent(
            subject=message.subject,
            headers=message.headers or {},
            body=message.data,
            # Subtract the deferrals, because the handler of a deferred event did not fail. The deferred event was only
            # waiting for an earlier event.
            deliveries=max(1, message.metadata.num_delivered - deferrals),
        )
        delivery = Delivery(message, event)
        self._in_flight[delivery.sequence] = delivery
        self._lanes.add(delivery.aggregate, delivery.sequence, delivery)

    async def _process(self, delivery: Delivery) -> float | None:
        """Handle the event and acknowledge it.

        If the event has to be redelivered, returns the delay of the redelivery in seconds. Otherwise returns None.
        """
        event = delivery.event
        try:
            is_new = await self._dispatcher.handle(event, hook=self._dead_letter_hook(event))
        except Exception as error:  # noqa: BLE001 - on any error the event is redelivered or dead-lettered
            return await self._handle_failure(delivery, error)
        if is_new and not event.is_replayed:
            delay = (utc_now() - event.occurred_at).total_seconds()
            self._metrics.record_handled(self.consumer, delay)
        await self._acknowledge(delivery, delivery.message.ack)
        return None

    def _dead_letter_hook(self, event: ReceivedEvent) -> TransactionHook | None:
        """Return a hook that resolves the dead letter of the event.

        Returns None for the first delivery of an event, because the event then has no dead letter yet.
        """
        if event.deliveries == 1 and not event.is_replayed:
            return None

        async def close(transaction: Transaction) -> None:
            await dead_letters.resolve(transaction, self.consumer, event.event_id)

        return close

    async def _handle_failure(self, delivery: Delivery, error: Exception) -> float | None:
        event = delivery.event
        fields = {
            "consumer": self.consumer,
            "event_id": event.headers.get(ID, ""),
            "subject": event.subject,
            "deliveries": event.deliveries,
            "reason": dead_letters.reason_of(error),
        }
        is_exhausted = self._retry.is_exhausted(event.deliveries, error)
        if is_exhausted and await self._store_dead_letter(event, error):
            _log.error("event_dead_lettered", **fields)
            await self._acknowledge(delivery, delivery.message.term)
            return None
        delay = self._retry.delay(event.deliveries)
        _log.warning("event_retry_scheduled", retry_seconds=delay, **fields)
        await self._return_to_broker(delivery, delay)
        return delay

    async def _store_dead_letter(self, event: ReceivedEvent, error: Exception) -> bool:
        try:
            await dead_letters.store(self._database, self.consumer, event, error)
        except (ServiceError, DBAPIError, asyncpg.PostgresError):
            # Return False, so that the event is redelivered. Otherwise the event would be lost, because it has no dead
            # letter.
            _log.exception(
                "dead_letter_store_failed", consumer=self.consumer, subject=event.subject
            )
            return False
        return True

    async def _defer(self, delivery: Delivery, delay: float) -> None:
        """Make the broker redeliver the event after `delay` seconds, because an earlier event must be handled first."""
        if len(self._deferrals) >= _DEFERRALS_LIMIT:
            # Discard all counts to limit the memory. Most counts are obsolete, because the broker redelivered the
            # events to other replicas. An event that loses its count may become a dead letter a few deliveries too
            # early.
            self._deferrals.clear()
        self._deferrals[delivery.sequence] = self._deferrals.get(delivery.sequence, 0) + 1
        await self._return_to_broker(delivery, delay)

    async def _acknowledge(self, delivery: Delivery, send: Callable[[], Awaitable[None]]) -> None:
        """Acknowledge the event by calling `send`, so that the broker does not redeliver the event."""
        self._deferrals.pop(delivery.sequence, None)
        await self._respond(delivery, send)

    async def _return_to_broker(self, delivery: Delivery, delay: float) -> None:
        await self._respond(delivery, lambda: delivery.message.nak(delay))

    async def _respond(self, delivery: Delivery, send: Callable[[], Awaitable[None]]) -> None:
        """Send a response to the broker by calling `send`.

        If the response is lost, the broker redelivers the event. If the event was handled before, it is not handled
        again, because its id is in the inbox.
        """
        if self._in_flight.get(delivery.sequence) is delivery:
            del self._in_flight[delivery.sequence]
        try:
            await send()
        except (NatsError, OSError) as error:
            _log.warning("acknowledgement_lost", consumer=self.consumer, error=repr(error))
        if self._pull is not None:
            self._pull.wake()

    async def _extend_ack_deadlines(self) -> None:
        """Report the unacknowledged events as in progress, so that the broker does not redeliver them."""
        await self._ack_wait_known.wait()
        while True:
            await asyncio.sleep(self._ack_wait / 3)
            self._lanes.discard_overdue()
            for delivery in list(self._in_flight.values()):
                try:
                    await delivery.message.in_progress()
                except (NatsError, OSError):
                    break  # the connection is lost, so the next reports would fail too

    def _log_missing_subjects(self, config: ConsumerConfig) -> None:
        """Log the subjects that have a handler but are not in the consumer's filter."""
        filtered = set(config.filter_subjects or (config.filter_subject or ">",))
        missing = sorted(
            name.subjects for name in self._dispatcher.names if name.subjects not in filtered
        )
        if missing:
            _log.error("consumer_subjects_missing", consumer=self.consumer, subjects=missing)

    def _warn(self, event: str, **fields: str) -> None:
        if self._log_limiter.should_log():
            _log.warning(event, consumer=self.consumer, stream=self.stream, **fields)

    async def _wait_unless_stopping(self, seconds: float = _RETRY_SECONDS) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


def _is_transient(error: Exception) -> bool:
    """Return whether a retry can succeed without a change of the code or the event."""
    if isinstance(error, ServiceError):
        return error.kind in {Kind.UNAVAILABLE, Kind.TIMED_OUT, Kind.EXHAUSTED}
    return isinstance(error, (DBAPIError, asyncpg.PostgresError, OSError))


async def _client_unless_stopping(
    connecting: Awaitable[Client], stopping: asyncio.Task[bool]
) -> Client | None:
    """Return the connected client, or None if the subscriber is stopped before the client is connected."""
    waiting = asyncio.ensure_future(connecting)
    try:
        await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else None
    finally:
        waiting.cancel()
