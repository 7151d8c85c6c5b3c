"""Handling one event: reading it, running its handler in the transaction of its inbox row, and the span around that.

The subscriber does this with what the broker delivers, and re-driving does it with what a dead letter holds.
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
"""Seconds for which events wait for further ones after a batch."""


@dataclass(frozen=True, slots=True)
class EventMetadata:
    """An event's data beside its content. `position` orders the events of one owner; `deliveries` counts from 1."""

    event_id: UUID
    subject: str
    occurred_at: datetime
    position: int
    deliveries: int
    replayed: bool = False


# Any: a handler takes the message type that it is registered for, which a mapping's type cannot say.
Handler = Callable[[Transaction, Any, EventMetadata], Awaitable[None]]
"""Has the event's effect within the transaction. Raises what it cannot deal with; never swallows."""

BatchHandler = Callable[[Transaction, Sequence[tuple[Any, EventMetadata]]], Awaitable[None]]
"""Has the effect of several events of one type within the transaction. Raises where one of them cannot be handled."""


@dataclass(frozen=True, slots=True)
class Batched:
    """A handler that takes the events that arrive during a commit together, in one transaction.

    The events of a batch are of different aggregates and in no particular order. When the handler raises, its events
    are handled one by one, so that an event that cannot be handled delays only its own aggregate. The handler runs
    outside of the events' traces, so it must not record events of its own.
    """

    handle: BatchHandler


Handlers = Mapping[type[Message], Handler | Batched]


class UnreadableError(Exception):
    """The event cannot be read: delivering it again would change nothing."""


class WrongSourceError(UnreadableError):
    """The event claims to come from another service than the one that owns its subject, or to be of another type."""


class MissingHandlerError(Exception):
    """This version has no handler for the event. Another one may: during a deployment both are running."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event as it came, unread."""

    subject: str
    headers: Mapping[str, str]
    body: bytes
    deliveries: int = 1

    @property
    def is_replayed(self) -> bool:
        """Whether `replay` sent it."""
        return self.headers.get(REPLAYED) == "true"

    @property
    def event_id(self) -> UUID:
        """The event's id, or one made of the content where the headers have none to offer."""
        try:
            return UUID(self.headers[ID])
        except (KeyError, ValueError):
            content = self.subject.encode() + b"\0" + self.body
            return UUID(bytes=sha256(content).digest()[:16])


@dataclass(frozen=True, slots=True)
class _Readable:
    name: EventName
    message: Message
    handler: Handler | Batched
    metadata: EventMetadata


Also = Callable[[Transaction], Awaitable[None]]


class Handling:
    """What one consumer does with its events."""

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
        arrival: Arrival,
        *,
        also: Also | None = None,
    ) -> bool:
        """Handle the event once: return False if it was handled before. `also` joins the transaction in both cases.

        Raises UnreadableError, MissingHandlerError, and whatever the handler or the database raises; then nothing has
        changed.
        """
        event = self._read(arrival)
        place = extract(arrival.headers)
        first = event.metadata.deliveries == 1 and not event.metadata.replayed
        attributes: dict[str, str | int] = {
            "messaging.system": "nats",
            "messaging.operation.type": "process",
            "messaging.destination.name": event.name.short,
            "messaging.consumer.group.name": self.consumer,
            "messaging.message.id": str(event.metadata.event_id),
            "proctorium.deliveries": event.metadata.deliveries,
        }
        # A trace that goes on for days because of a redelivery is of no use to anyone: later ones only point to it.
        with span_from(
            place if first else None,
            f"process {event.name.short}",
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            links=link_to(place),
        ):
            annotate_from(event.message)
            with self._told(event):
                return await self._handle(event, also)

    async def _handle(self, event: _Readable, also: Also | None) -> bool:
        handler, event_id = event.handler, event.metadata.event_id
        if isinstance(handler, Batched):
            return await self._batches[event.name.type].submit((event, also))
        async with self.database.transaction() as transaction:
            new = await inbox.claim(transaction, self.consumer, [event_id])
            if new:
                await handler(transaction, event.message, event.metadata)
            if also is not None:
                await also(transaction)
            return bool(new)

    async def _handle_batch(
        self, handle: BatchHandler, batch: list[tuple[_Readable, Also | None]]
    ) -> list[bool]:
        event_ids = [event.metadata.event_id for event, _ in batch]
        async with self.database.transaction() as transaction:
            new = await inbox.claim(transaction, self.consumer, event_ids)
            events = [(e.message, e.metadata) for e, _ in batch if e.metadata.event_id in new]
            if events:
                await handle(transaction, events)
            for _, also in batch:
                if also is not None:
                    await also(transaction)
        return [event_id in new for event_id in event_ids]

    @contextmanager
    def _told(self, event: _Readable) -> Iterator[None]:
        """Log one line for the event, in its trace."""
        began = time.monotonic()
        said = {
            "consumer": self.consumer,
            "type": event.name.short,
            "event_id": str(event.metadata.event_id),
            "deliveries": event.metadata.deliveries,
        }
        try:
            yield
        except Exception as error:
            said["error"] = f"{type(error).__name__}: {error}"
            _log.warning("event_failed", duration_ms=_since(began), exc_info=True, **said)
            raise
        _log.info("event_handled", duration_ms=_since(began), **said)

    def _check_source(self, arrival: Arrival) -> None:
        """Raise WrongSourceError unless the owner of the subject is the source, and one that this consumer listens to.

        NATS lets each service publish under its own subjects alone. This holds where it was set up without permissions,
        too.
        """
        owner = next(iter(arrival.subject.split(".")[1:]), "")
        source = arrival.headers.get(SOURCE, "")
        if source != source_of(owner) or owner not in self._owners:
            raise WrongSourceError(f"its source is {source!r} and its subject {arrival.subject!r}")

    def _read(self, arrival: Arrival) -> _Readable:
        headers = arrival.headers
        self._check_source(arrival)
        event_type = headers.get(TYPE, "")
        if event_type not in self._by_type:
            raise MissingHandlerError(f"{self.consumer} has no handler for {event_type or 'this'}")
        name, message_type, handler = self._by_type[event_type]
        if not arrival.subject.startswith(name.subject("")):
            raise WrongSourceError(f"{arrival.subject} is not the subject of a {event_type}")
        try:
            metadata = EventMetadata(
                event_id=UUID(headers[ID]),
                subject=arrival.subject,
                occurred_at=datetime.fromisoformat(headers[TIME]),
                position=int(headers.get(POSITION, "0")),
                deliveries=arrival.deliveries,
                replayed=arrival.is_replayed,
            )
            message = message_type.FromString(arrival.body)
        except (KeyError, ValueError, DecodeError) as error:
            raise UnreadableError(f"it is no {event_type}: {error!r}") from error
        return _Readable(name, message, handler, metadata)


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 2)
