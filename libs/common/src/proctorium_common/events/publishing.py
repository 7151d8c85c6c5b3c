"""Publishing outbox rows: pipelined over aggregates, one after the other within one."""

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

_ACK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """What the relay and replay read of a row."""

    position: int
    event_id: str
    aggregate: str
    aggregate_id: str
    subject: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row was not published; the rows of its aggregate behind it were not tried."""

    row: OutboxRow
    error: Exception

    @property
    def stream_is_missing(self) -> bool:
        """Whether no stream takes the subject, which an operator mends by declaring the streams."""
        return isinstance(self.error, NoStreamResponseError)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Positions that the broker has acknowledged, and what went wrong."""

    published: Sequence[int]
    failures: Sequence[Failure]


class Change(Protocol):
    """What is sent of a row: its message id and headers."""

    def __call__(self, row: OutboxRow) -> dict[str, str]:
        """Return the headers to publish `row` with."""
        ...


def first_time(row: OutboxRow) -> dict[str, str]:
    """Return the stored headers with the position, and the id by which the broker recognises duplicates."""
    return {**row.headers, MESSAGE_ID: row.event_id, POSITION: str(row.position)}


async def publish(
    jetstream: JetStreamContext,
    rows: Iterable[OutboxRow],
    *,
    headers: Change = first_time,
    at_once: int = 64,
) -> Outcome:
    """Publish `rows`, given in the order of their positions, and wait for each acknowledgement.

    Rows of one aggregate go in order and stop at the first failure; up to `at_once` aggregates go side by side.
    """
    chains: dict[tuple[str, str], list[OutboxRow]] = {}
    for row in rows:
        chains.setdefault((row.aggregate, row.aggregate_id), []).append(row)
    slots = asyncio.Semaphore(at_once)
    published: list[int] = []
    failures: list[Failure] = []

    async def publish_chain(chain: Sequence[OutboxRow]) -> None:
        async with slots:
            for row in chain:
                try:
                    await _publish_one(jetstream, row, headers(row))
                except (NatsError, APIError, TimeoutError, OSError) as error:
                    failures.append(Failure(row, error))
                    return
                published.append(row.position)

    await asyncio.gather(*map(publish_chain, chains.values()))
    return Outcome(published, failures)


async def _publish_one(
    jetstream: JetStreamContext, row: OutboxRow, headers: dict[str, str]
) -> None:
    place = extract(headers)
    if place is None:
        await jetstream.publish(row.subject, row.body, timeout=_ACK_SECONDS, headers=headers)
        return
    name = row.subject.removeprefix("evt.").removesuffix(f".v1.{row.aggregate_id}")
    attributes = {
        "messaging.system": "nats",
        "messaging.operation.type": "send",
        "messaging.destination.name": name,
        "messaging.message.id": row.event_id,
    }
    with span_from(place, f"publish {name}", kind=SpanKind.PRODUCER, attributes=attributes):
        here = current_trace_context() or place
        await jetstream.publish(
            row.subject, row.body, timeout=_ACK_SECONDS, headers={**headers, **headers_of(here)}
        )
