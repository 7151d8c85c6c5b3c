"""Publish outbox rows.

The rows of one aggregate are published in order, and the rows of different aggregates concurrently.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError
from opentelemetry.trace import SpanKind

from proctorium_common.events.envelope import MESSAGE_ID, POSITION
from proctorium_common.telemetry.traces import current_trace_context, extract, headers_of, span_from

_ACK_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A row of the outbox that the relay or `replay` has read."""

    position: int
    event_id: str
    aggregate: str
    aggregate_id: str
    subject: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class PublishFailure:
    """A row that could not be published. The later rows of its aggregate were not published either."""

    row: OutboxRow
    error: Exception

    @property
    def stream_is_missing(self) -> bool:
        """Whether no stream has the subject of the row. If so, an operator has to declare the streams."""
        return isinstance(self.error, NoStreamResponseError)


@dataclass(frozen=True, slots=True)
class PublishResult:
    """The positions of the rows that the broker has acknowledged, and the rows that could not be published."""

    published: Sequence[int]
    failures: Sequence[PublishFailure]


class HeadersOf(Protocol):
    """A function that builds the headers with which a row is published."""

    def __call__(self, row: OutboxRow) -> dict[str, str]:
        """Return the headers of the message for `row`."""
        ...


def original_headers(row: OutboxRow) -> dict[str, str]:
    """Return the stored headers of `row`, with two additional headers: the position and the message id.

    The broker uses the message id to drop duplicates.
    """
    return {**row.headers, MESSAGE_ID: row.event_id, POSITION: str(row.position)}


async def publish(
    jetstream: JetStreamContext,
    rows: Iterable[OutboxRow],
    *,
    headers: HeadersOf = original_headers,
    concurrency: int = 64,
) -> PublishResult:
    """Publish `rows`, which are ordered by position, and wait for each acknowledgement.

    The rows of an aggregate are published in order. After the first failure, the remaining rows of the aggregate are
    not published. Up to `concurrency` aggregates are published concurrently.
    """
    by_aggregate: dict[tuple[str, str], list[OutboxRow]] = {}
    for row in rows:
        by_aggregate.setdefault((row.aggregate, row.aggregate_id), []).append(row)
    permits = asyncio.Semaphore(concurrency)
    published: list[int] = []
    failures: list[PublishFailure] = []

    async def publish_aggregate(aggregate: Sequence[OutboxRow]) -> None:
        async with permits:
            for row in aggregate:
                try:
                    await _publish_one(jetstream, row, headers(row))
                except (NatsError, APIError, TimeoutError, OSError) as error:
                    failures.append(PublishFailure(row, error))
                    return
                published.append(row.position)

    await asyncio.gather(*map(publish_aggregate, by_aggregate.values()))
    return PublishResult(published, failures)


async def _publish_one(
    jetstream: JetStreamContext, row: OutboxRow, headers: dict[str, str]
) -> None:
    stored_context = extract(headers)
    if stored_context is None:
        await jetstream.publish(row.subject, row.body, timeout=_ACK_TIMEOUT, headers=headers)
        return
    name = row.subject.removeprefix("evt.").removesuffix(f".v1.{row.aggregate_id}")
    attributes = {
        "messaging.system": "nats",
        "messaging.operation.type": "send",
        "messaging.destination.name": name,
        "messaging.message.id": row.event_id,
    }
    with span_from(
        stored_context, f"publish {name}", kind=SpanKind.PRODUCER, attributes=attributes
    ):
        context = current_trace_context() or stored_context
        await jetstream.publish(
            row.subject, row.body, timeout=_ACK_TIMEOUT, headers={**headers, **headers_of(context)}
        )
