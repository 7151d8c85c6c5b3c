"""Outages of learners (`A7`): periods in which no device of a learner in the session is connected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

RECONNECT = timedelta(seconds=30)
"""The default time in which learners can connect again after the service itself was away."""

APPROVAL_GRACE = timedelta(seconds=30)
"""The default of the longest outage after which a learner needs no approval."""


@dataclass(frozen=True, slots=True)
class DisconnectPolicy:
    """What happens when a learner in the session loses the connection (`S2`).

    `returned_limit` is the maximum time for which the clock of an attempt is stopped during all outages of the
    learner together. `requires_approval` says whether a proctor must let the learner back in after an outage that was
    longer than `approval_grace`.
    """

    returned_limit: timedelta = timedelta()
    requires_approval: bool = False
    approval_grace: timedelta = APPROVAL_GRACE

    def needs_approval(self, outage: Outage) -> bool:
        """Return whether a proctor must let the learner back in after an outage."""
        if not self.requires_approval or outage.ended_at is None:
            return False
        return outage.ended_at - outage.started_at > self.approval_grace


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


@dataclass(frozen=True, slots=True)
class ReturnRequest:
    """The request of a learner to be let back in after an outage. It is open until a proctor admits the learner.

    `denial_reason` is empty if the return was not denied. The learner can read the reason.
    """

    request_id: UUID
    requested_at: datetime
    denial_reason: str = ""
