"""Metrics of the cases that wait for a decision."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.metrics import Observation

from proctorium_common.storage.database import Database
from proctorium_common.telemetry.metrics import Metrics
from proctorium_identity.storage.cases import WaitingCases, get_waiting_cases


class QueueMetrics:
    """The waiting cases of all sessions from the last run.

    The metrics are computed from these numbers, so that collecting the metrics does not use the database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: WaitingCases | None = None

    async def run(self) -> None:
        """Read the numbers, and replace those of the previous run."""
        async with self._database.transaction() as tx:
            self._waiting = await get_waiting_cases(tx)

    def observe(self, metrics: Metrics) -> None:
        """Add the gauges."""
        metrics.observe("identity.queue.cases", "Cases that wait for a decision", self.cases)
        metrics.observe(
            "identity.queue.age",
            "Waiting time of the case that has waited longest",
            self.age,
            unit="s",
        )

    def cases(self) -> Iterable[Observation]:
        """Return the number of waiting cases."""
        return [] if self._waiting is None else [Observation(self._waiting.cases)]

    def age(self) -> Iterable[Observation]:
        """Return the time in seconds for which the first waiting case has waited, or 0 if no case waits."""
        return (
            []
            if self._waiting is None
            else [Observation(self._waiting.longest_wait.total_seconds())]
        )
