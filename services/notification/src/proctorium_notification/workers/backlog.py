"""Counts what has not gone out, for metrics and alerts: what waits, what failed, what is in doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet

from opentelemetry.metrics import Observation

from proctorium_common.storage.database import Database
from proctorium_notification.domain.deliveries import DeliveryState
from proctorium_notification.storage.deliveries import Waiting, count_unsent, count_waiting

METRIC = "notification.deliveries"
DESCRIPTION = "Deliveries that have not gone out, by state"
WAITING_METRIC = "notification.deliveries.pending"
WAITING_DESCRIPTION = "Pending deliveries, by reason"


class Backlog:
    """The counts of the last turn; metrics are collected between turns, without the database."""

    def __init__(self, database: Database, slow: Callable[[], AbstractSet[int]]) -> None:
        """`slow` returns the destinations that are slow now."""
        self._database = database
        self._slow = slow
        self._counts: Mapping[DeliveryState, int] = {}
        self._waiting: Mapping[Waiting, int] = {}

    async def turn(self) -> None:
        """Counts anew."""
        async with self._database.transaction() as tx:
            self._counts = await count_unsent(tx)
            self._waiting = await count_waiting(tx, self._slow())

    def observations(self) -> Iterable[Observation]:
        """The counts, each with its state."""
        return [Observation(count, {"state": state}) for state, count in self._counts.items()]

    def waiting(self) -> Iterable[Observation]:
        """The counts of pending deliveries, each with its reason."""
        return [Observation(count, {"reason": reason}) for reason, count in self._waiting.items()]
