"""Event handlers, and the dispatcher that parses an event and runs the handler of the event.

The handler runs in the transaction that inserts the inbox row of the event. The subscriber dispatches the events that
the broker delivers. A redrive dispatches the events of dead letters.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

from google.protobuf.message import DecodeError, Message
from opentelemetry.trace import SpanKind

from proctorium_common.events import inbox
from proctorium_common.events.envelope import (
    ID,
    POSITION,
    REPLAYED,
    SOURCE,
    TIME,
    TYPE,
    EventName,
    name_of,
    source_of,
)
from proctorium_common.storage.batcher import Batcher
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.traces import annotate_from, extract, link_to, span_from

_log = get_logger()

_LINGER = 0.005
"""The time in seconds from the end of a batch to the start of the next, in which further events are collected."""


@dataclass(frozen=True, slots=True)
class EventMetadata:
    """The metadata of an event.

    `position` is the position of the event in the outbox of its owner. `deliveries` is the number of deliveries so far,
    including this delivery.
    """

    event_id: UUID
    subject: str
    occurred_at: datetime
    position: int
    deliveries: int
    replayed: bool = False


# The message has the type `Any`, because the type of the mapping `Handlers` cannot express that each handler takes a
# different type of message.
Handler = Callable[[Transaction, Any, EventMetadata], Awaitable[None]]
"""A function that handles an event within the transaction.

The function must raise an exception if it cannot handle the event. It must not ignore an error.
"""

BatchHandler = Callable[[Transaction, Sequence[tuple[Any, EventMetadata]]], Awaitable[None]]
"""A function that handles several events of one type within the transaction.

The function must raise an exception if it cannot handle one of the events.
"""


@dataclass(frozen=True, slots=True)
class Batched:
    """A handler of batches of events. All events that arrive during a commit share the next transaction.

    The events of a batch belong to different aggregates and have no particular order. If the handler raises an
    exception for a batch, the handler is called again with each event alone. An event that cannot be handled therefore
    delays only its own aggregate. The handler must not record new events, because it runs outside of the traces of the
    events in the batch.
    """

    handle: BatchHandler


Handlers = Mapping[type[Message], Handler | Batched]


class UnreadableError(Exception):
    """The event cannot be parsed. A redelivery of the event would also fail."""


class WrongSourceError(UnreadableError):
    """The source or type of the event does not match its subject."""


class MissingHandlerError(Exception):
    """This version of the service has no handler for the event.

    During a deployment, another running version of the service may have a handler.
    """


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event as it was received, before it is parsed."""

    subject: str
    headers: Mapping[str, str]
    body: bytes
    deliveries: int = 1

    @property
    def is_replayed(self) -> bool:
        """Whether `replay` published the event again."""
        return self.headers.get(REPLAYED) == "true"

    @property
    def event_id(self) -> UUID:
        """The id of the event. If the headers contain no valid id, the id is a hash of the subject and the body."""
        try:
            return UUID(self.headers[ID])
        except (KeyError, ValueError):
            content = self.subject.encode() + b"\0" + self.body
            return UUID(bytes=sha256(content).digest()[:16])

    @property
    def occurred_at(self) -> datetime:
        """The time at which the event was recorded. Raises KeyError or ValueError if the headers contain no time."""
        return datetime.fromisoformat(self.headers[TIME])


@dataclass(frozen=True, slots=True)
class _ParsedEvent:
    name: EventName
    message: Message
    handler: Handler | Batched
    metadata: EventMetadata


TransactionHook = Callable[[Transaction], Awaitable[None]]
"""A function that runs in the transaction of an event, even if the event was handled before."""


class EventDispatcher:
    """Dispatches the events of one consumer to the handlers, and handles each event only once."""

    def __init__(self, database: Database, consumer: str, handlers: Handlers) -> None:
        self.database = database
        self.consumer = consumer
        self.names = [name_of(message_type.DESCRIPTOR) for message_type in handlers]
        self._owners = frozenset(name.owner for name in self.names)
        self._by_type = {
            name.type: (name, message_type, handlers[message_type])
            for name, message_type in zip(self.names, handlers, strict=True)
        }
        self._batches = {
            name.type: Batcher(partial(self._handle_batch, handler.handle), linger=_LINGER)
            for name, _, handler in self._by_type.values()
            if isinstance(handler, Batched)
        }

    async def handle(
        self,
        received: ReceivedEvent,
        *,
        hook: TransactionHook | None = None,
    ) -> bool:
        """Handle the event and return True, or return False if the event was handled before.

        `hook` runs in the transaction of the event, even if the event was handled before. Raises UnreadableError,
        MissingHandlerError, and the errors of the handler and the database. If an error is raised, the database is
        unchanged.
        """
        event = self._parse(received)
        publisher_context = extract(received.headers)
        is_first = event.metadata.deliveries == 1 and not event.metadata.replayed
        attributes: dict[str, str | int] = {
            "messaging.system": "nats",
            "messaging.operation.type": "process",
            "messaging.destination.name": event.name.short,
            "messaging.consumer.group.name": self.consumer,
            "messaging.message.id": str(event.metadata.event_id),
            "proctorium.deliveries": event.metadata.deliveries,
        }
        # Only the first delivery continues the trace of the publisher. A redelivery may arrive days later, so a
        # redelivery starts a new trace with a link to the trace of the publisher.
        with span_from(
            publisher_context if is_first else None,
            f"process {event.name.short}",
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            links=link_to(publisher_context),
        ):
            annotate_from(event.message)
            with self._logged(event):
                return await self._handle(event, hook)

    async def _handle(self, event: _ParsedEvent, hook: TransactionHook | None) -> bool:
        handler, event_id = event.handler, event.metadata.event_id
        if isinstance(handler, Batched):
            return await self._batches[event.name.type].submit((event, hook))
        async with self.database.transaction() as transaction:
            new = await inbox.claim(transaction, self.consumer, [event_id])
            if new:
                await handler(transaction, event.message, event.metadata)
            if hook is not None:
                await hook(transaction)
            return bool(new)

    async def _handle_batch(
        self, handle: BatchHandler, batch: list[tuple[_ParsedEvent, TransactionHook | None]]
    ) -> list[bool]:
        event_ids = [event.metadata.event_id for event, _ in batch]
        async with self.database.transaction() as transaction:
            new = await inbox.claim(transaction, self.consumer, event_ids)
            events = [(e.message, e.metadata) for e, _ in batch if e.metadata.event_id in new]
            if events:
                await handle(transaction, events)
            for _, hook in batch:
                if hook is not None:
                    await hook(transaction)
        return [event_id in new for event_id in event_ids]

    @contextmanager
    def _logged(self, event: _ParsedEvent) -> Iterator[None]:
        """Run the block, and write a log line that says whether `event` was handled or failed."""
        started = time.monotonic()
        fields: dict[str, object] = {
            "consumer": self.consumer,
            "type": event.name.short,
            "event_id": str(event.metadata.event_id),
            "deliveries": event.metadata.deliveries,
        }
        try:
            yield
        except Exception as error:
            fields["error"] = f"{type(error).__name__}: {error}"
            _log.warning(
                "event_failed", duration_ms=_milliseconds_since(started), exc_info=True, **fields
            )
            raise
        _log.info("event_handled", duration_ms=_milliseconds_since(started), **fields)

    def _check_source(self, received: ReceivedEvent) -> None:
        """Raise WrongSourceError if the source of the event does not own the subject, or is not an expected owner.

        An owner is expected if this consumer has a handler for an event of the owner. The NATS permissions already
        allow each service to publish only to its own subjects. This check protects an installation in which NATS runs
        without permissions.
        """
        owner = next(iter(received.subject.split(".")[1:]), "")
        source = received.headers.get(SOURCE, "")
        if source != source_of(owner) or owner not in self._owners:
            raise WrongSourceError(f"its source is {source!r} and its subject {received.subject!r}")

    def _parse(self, received: ReceivedEvent) -> _ParsedEvent:
        headers = received.headers
        self._check_source(received)
        event_type = headers.get(TYPE, "")
        if event_type not in self._by_type:
            raise MissingHandlerError(f"{self.consumer} has no handler for {event_type or 'this'}")
        name, message_type, handler = self._by_type[event_type]
        if not received.subject.startswith(name.subject("")):
            raise WrongSourceError(f"{received.subject} is not the subject of a {event_type}")
        try:
            metadata = EventMetadata(
                event_id=UUID(headers[ID]),
                subject=received.subject,
                occurred_at=received.occurred_at,
                position=int(headers.get(POSITION, "0")),
                deliveries=received.deliveries,
                replayed=received.is_replayed,
            )
            message = message_type.FromString(received.body)
        except (KeyError, ValueError, DecodeError) as error:
            raise UnreadableError(f"it is no {event_type}: {error!r}") from error
        return _ParsedEvent(name, message, handler, metadata)


def _milliseconds_since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 2)
