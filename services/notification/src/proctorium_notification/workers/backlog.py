"""Counts what has not gone out, for metrics and alerts: what waits, what failed, what is in doubt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from opentelemetry.metrics import Observation

from proctorium_common.storage.database import Database
from proctorium_notification.domain.deliveries import DeliveryState
from proctorium_notification.storage.deliveries import count_unsent

METRIC = "notification.deliveries"
DESCRIPTION = "Deliveries that have not gone out, by state"


class Backlog:
    """The counts of the last turn; metrics are collected between turns, without the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: Mapping[DeliveryState, int] = {}

    async def turn(self) -> None:
        """Counts anew."""
        async with self._database.transaction() as tx:
            self._counts = await count_unsent(tx)

    def observations(self) -> Iterable[Observation]:
        """The counts, each with its state."""
        return [Observation(count, {"state": state}) for state, count in self._counts.items()]
