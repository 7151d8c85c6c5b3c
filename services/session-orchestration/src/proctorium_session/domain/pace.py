"""Limits for how often a person may repeat an action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from proctorium_common.errors import exhausted


@dataclass(frozen=True, slots=True)
class Pace:
    """The maximum number of actions of a person within a period. `reason` and `sentence` are those of the error."""

    limit: int
    period: timedelta
    reason: str
    sentence: str

    def require(self, times: Sequence[datetime], now: datetime) -> None:
        """Raise the error if the person has acted too often.

        `times` contains the times of the person's newest actions, at most `limit`, in any order.
        """
        if len(times) < self.limit:
            return
        free_at = min(times) + self.period
        if now < free_at:
            raise exhausted(
                self.reason, self.sentence, retry_after=free_at - now, limit=str(self.limit)
            )
