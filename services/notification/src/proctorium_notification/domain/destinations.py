"""Destinations of mails, and the limits of their connections to the mail server.

A destination stands for the domain of a mail address. It is a small number that several domains share, so that the row
of a pending mail contains nothing that identifies a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

DESTINATION_COUNT = 1024
"""The number of destinations. Domains that have the same number also share the limits of their connections."""

_FIRST_SLOW_PERIOD = timedelta(seconds=10)
"""The period for which a destination is slow after its first slow response. Each further slow response doubles it."""
_MAX_SLOW_RESPONSES = 7
"""The number of slow responses from which the period is not doubled any more. It is then about ten minutes."""


def destination_of(email: str) -> int:
    """Return the destination of a mail address, from 0 to `DESTINATION_COUNT` - 1; it is the same in every process."""
    domain = email.rpartition("@")[2].lower()
    digest = sha256(domain.encode(errors="replace")).digest()
    return int.from_bytes(digest[:2]) % DESTINATION_COUNT


class Lane(StrEnum):
    """The kinds of lanes; a lane is one connection to the mail server that sends one batch of mails."""

    ORDINARY = "ordinary"
    SLOW = "slow"


class Destinations:
    """Limits the lanes (connections to the mail server) of one process by how quickly destinations respond.

    A quarter of the lanes serves only slow destinations, with at most one lane for each destination. The other lanes
    are ordinary lanes. A destination that has responded quickly, and has no slow response left, may use half of them.
    Any other destination may use one of them.

    A slow response makes a destination slow for a period. Each further slow response doubles this period. A quick
    response cancels one slow response. When all slow responses are cancelled, the destination is no longer slow.
    """

    def __init__(self, connections: int, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        slow = max(1, connections // 4)
        self._limits = {Lane.ORDINARY: connections - slow, Lane.SLOW: slow}
        self._quick_limit = max(1, self._limits[Lane.ORDINARY] // 2)
        self._lanes_in_use: Counter[int] = Counter()
        # The number of slow responses that are not cancelled by quick responses, for each destination. It is -1 if
        # none is left and a further response was quick.
        self._slow_responses: dict[int, int] = {}
        self._slow_until: dict[int, datetime] = {}

    def limit(self, lane: Lane) -> int:
        """Return the maximum number of lanes of this kind that are in use at the same time."""
        return self._limits[lane]

    def is_slow(self, destination: int) -> bool:
        """Return whether the destination is slow."""
        until = self._slow_until.get(destination)
        return until is not None and self._clock() < until

    def slow(self) -> AbstractSet[int]:
        """Return all slow destinations."""
        return {destination for destination in self._slow_until if self.is_slow(destination)}

    def allows(self, lane: Lane, destination: int) -> bool:
        """Return whether another lane of this kind may serve the destination now."""
        return not self._is_full(destination) and (
            lane is Lane.SLOW or not self.is_slow(destination)
        )

    def blocked(self) -> AbstractSet[int]:
        """Return the destinations that another ordinary lane may not serve now."""
        return self.slow() | {each for each in self._lanes_in_use if self._is_full(each)}

    def slow_and_free(self) -> AbstractSet[int]:
        """Return the slow destinations that are not served by a lane now."""
        return {destination for destination in self.slow() if not self._is_full(destination)}

    def acquire(self, destination: int) -> None:
        """Count one more lane that serves the destination, until `release` is called."""
        self._lanes_in_use[destination] += 1

    def release(self, destination: int) -> None:
        """Count one lane fewer that serves the destination."""
        self._lanes_in_use[destination] -= 1
        if not self._lanes_in_use[destination]:
            del self._lanes_in_use[destination]

    def record_quick_response(self, destination: int) -> None:
        """Record a quick response for the destination."""
        left = max(self._slow_responses.get(destination, 0) - 1, -1)
        self._slow_responses[destination] = left
        if left <= 0:
            self._slow_until.pop(destination, None)

    def record_slow_response(self, destination: int) -> bool:
        """Record a slow response for the destination. Return True if the destination was not slow before."""
        new = not self.is_slow(destination)
        count = min(max(self._slow_responses.get(destination, 0), 0) + 1, _MAX_SLOW_RESPONSES)
        self._slow_responses[destination] = count
        self._slow_until[destination] = self._clock() + _FIRST_SLOW_PERIOD * (1 << (count - 1))
        return new

    def _is_full(self, destination: int) -> bool:
        quick = not self.is_slow(destination) and self._slow_responses.get(destination, 0) < 0
        return self._lanes_in_use[destination] >= (self._quick_limit if quick else 1)
