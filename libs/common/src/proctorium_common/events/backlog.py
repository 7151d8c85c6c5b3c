"""Metrics of the events that wait: unpublished events, undelivered events and dead letters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nats.errors import Error as NatsError
from opentelemetry.metrics import Observation

from proctorium_common.events.broker import Broker
from proctorium_common.events.subscriber import Subscriber
from proctorium_common.storage.database import Database
from proctorium_common.telemetry.metrics import Metrics

_OUTBOX = """
    SELECT count(*) AS events, coalesce(greatest(0, extract(epoch FROM now() - min(occurred_at))), 0)::float8 AS age
    FROM outbox WHERE published_at IS NULL
"""
_DEAD_LETTERS = """
    SELECT consumer, count(*) AS letters FROM dead_letters WHERE resolved_at IS NULL GROUP BY consumer
"""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The events of a consumer: those that were not delivered yet, and those that were not acknowledged yet."""

    pending: int
    unacknowledged: int


class EventBacklog:
    """The numbers of waiting events from the last run.

    The metrics are computed from these numbers, so that collecting the metrics uses neither the database nor the
    broker. Every replica reports the same numbers, because they concern the database and the consumers of the whole
    service.
    """

    def __init__(
        self, database: Database, broker: Broker, subscribers: Sequence[Subscriber]
    ) -> None:
        """Initialize without numbers. `subscribers` may grow until the first run."""
        self._database = database
        self._broker = broker
        self._subscribers = subscribers
        self._unpublished: int | None = None
        self._age = 0.0
        self._dead_letters: Mapping[str, int] = {}
        self._waiting: Mapping[str, _Waiting] = {}

    async def run(self) -> None:
        """Count the events, and replace the numbers of the previous run."""
        [outbox] = await self._database.fetch(_OUTBOX)
        self._unpublished, self._age = outbox["events"], outbox["age"]
        letters = {
            row["consumer"]: row["letters"] for row in await self._database.fetch(_DEAD_LETTERS)
        }
        self._dead_letters = {each.consumer: 0 for each in self._subscribers} | letters
        self._waiting = await self._ask_broker()

    async def _ask_broker(self) -> Mapping[str, _Waiting]:
        """Return the waiting events by consumer, or nothing for a consumer about which the broker does not respond."""
        if not self._broker.is_connected:
            return {}
        jetstream = (await self._broker.connected()).jetstream()
        waiting: dict[str, _Waiting] = {}
        for each in self._subscribers:
            try:
                info = await jetstream.consumer_info(each.stream, each.consumer)
            except (NatsError, OSError, TimeoutError):
                continue
            waiting[each.consumer] = _Waiting(info.num_pending or 0, info.num_ack_pending or 0)
        return waiting

    def observe(self, metrics: Metrics) -> None:
        """Add the gauges."""
        metrics.observe(
            "outbox.unpublished", "Events in the outbox that are not published", self._of_outbox
        )
        metrics.observe("outbox.age", "Age of the oldest unpublished event", self._of_age, unit="s")
        metrics.observe(
            "consumer.pending", "Events that were not delivered to a consumer yet", self._of_pending
        )
        metrics.observe(
            "consumer.unacknowledged",
            "Events that were delivered to a consumer but not acknowledged",
            self._of_unacknowledged,
        )
        metrics.observe(
            "dead_letters.unresolved", "Unresolved dead letters by consumer", self._of_dead_letters
        )

    def _of_outbox(self) -> Iterable[Observation]:
        return [] if self._unpublished is None else [Observation(self._unpublished)]

    def _of_age(self) -> Iterable[Observation]:
        return [] if self._unpublished is None else [Observation(self._age)]

    def _of_pending(self) -> Iterable[Observation]:
        return [
            Observation(each.pending, {"consumer": name}) for name, each in self._waiting.items()
        ]

    def _of_unacknowledged(self) -> Iterable[Observation]:
        return [
            Observation(each.unacknowledged, {"consumer": name})
            for name, each in self._waiting.items()
        ]

    def _of_dead_letters(self) -> Iterable[Observation]:
        return [
            Observation(count, {"consumer": name}) for name, count in self._dead_letters.items()
        ]
