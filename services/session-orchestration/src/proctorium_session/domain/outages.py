"""Outages of learners (`A7`): periods in which no device of a learner in the session is connected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

RECONNECT = timedelta(seconds=30)
"""The default time in which learners can connect again after the service itself was away."""


@dataclass(frozen=True, slots=True)
class DisconnectPolicy:
    """What happens when a learner in the session loses the connection (`S2`).

    `returned_limit` is the longest time for which the clock of an attempt stands still during all outages of the
    learner together.
    """

    returned_limit: timedelta = timedelta()


CLOCK_RUNS = DisconnectPolicy()
"""The policy of a session in which the clock runs during outages."""


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage of a participant. `ended_at` is None if no device of the learner has connected again."""

    outage_id: UUID
    started_at: datetime
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the outage has not ended."""
        return self.ended_at is None
