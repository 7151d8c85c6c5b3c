"""Metrics of the deliveries that were not sent: pending, failed and in doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet

from opentelemetry.metrics import Observation

from proctorium_common.storage.database import Database
from proctorium_notification.domain.deliveries import DeliveryState
from proctorium_notification.storage.deliveries import (
    PendingReason,
    count_pending_deliveries,
    count_unsent_deliveries,
)

STATE_METRIC = "notification.deliveries"
STATE_DESCRIPTION = "Deliveries that were not sent, by state"
REASON_METRIC = "notification.deliveries.pending"
REASON_DESCRIPTION = "Pending deliveries, by reason"


class Backlog:
    """The counts of deliveries from the last run.

    The metrics are computed from these counts, so that collecting the metrics does not use the database.
    """

    def __init__(self, database: Database, slow: Callable[[], AbstractSet[int]]) -> None:
        """Initialize without counts. Each run calls `slow`, which returns the destinations that are slow now."""
        self._database = database
        self._slow = slow
        self._by_state: Mapping[DeliveryState, int] = {}
        self._by_reason: Mapping[PendingReason, int] = {}

    async def run(self) -> None:
        """Count the deliveries, and replace the counts of the previous run."""
        async with self._database.transaction() as tx:
            self._by_state = await count_unsent_deliveries(tx)
            self._by_reason = await count_pending_deliveries(tx, self._slow())

    def by_state(self) -> Iterable[Observation]:
        """Return the number of deliveries in each state except SENT. The state is an attribute of the observation."""
        return [Observation(count, {"state": state}) for state, count in self._by_state.items()]

    def by_reason(self) -> Iterable[Observation]:
        """Return the number of pending deliveries for each reason. The reason is an attribute of the observation."""
        return [Observation(count, {"reason": reason}) for reason, count in self._by_reason.items()]
