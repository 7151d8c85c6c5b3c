"""Destinations of mails, and the limits of connections to the mail server for each destination.

A destination is a small number that stands for the domain of a mail address. Several domains share a destination, so
that the row of a pending mail does not identify a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

DESTINATION_COUNT = 1024
"""The number of destinations. Domains with the same destination share the limits of connections."""

_FIRST_SLOW_PERIOD = timedelta(seconds=10)
"""The period for which a destination is slow after its first slow response.

Each further slow response doubles the period.
"""
_MAX_SLOW_RESPONSES = 7
"""The number of slow responses after which the period does not grow any more.

The longest period is about ten minutes.
"""


def destination_of(email: str) -> int:
    """Return the destination of a mail address, from 0 to `DESTINATION_COUNT` - 1.

    Every process computes the same destination for an address.
    """
    domain = email.rpartition("@")[2].lower()
    digest = sha256(domain.encode(errors="replace")).digest()
    return int.from_bytes(digest[:2]) % DESTINATION_COUNT


class Lane(StrEnum):
    """The kinds of lanes. A lane is one connection to the mail server, over which one batch of mails is sent."""

    ORDINARY = "ordinary"
    SLOW = "slow"


class Destinations:
    """Limits the lanes (connections to the mail server) that each destination may use in one process.

    A quarter of the lanes serves only slow destinations, with at most one lane for each destination. The other lanes
    are ordinary lanes. At first, a destination may use one ordinary lane. A quick response raises this limit to half of
    the ordinary lanes, until the next slow response.

    A slow response makes a destination slow for a period. Each further slow response doubles this period. A quick
    response then cancels one slow response, and does not raise the limit. When all slow responses are cancelled, the
    destination is no longer slow.
    """

    def __init__(self, connections: int, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        slow = max(1, connections // 4)
        self._limits = {Lane.ORDINARY: connections - slow, Lane.SLOW: slow}
        self._quick_limit = max(1, self._limits[Lane.ORDINARY] // 2)
        self._lanes_in_use: Counter[int] = Counter()
        # The number of slow responses of each destination that no quick response has cancelled. The number is -1 if a
        # quick response arrived when there was no slow response to cancel.
        self._slow_responses: dict[int, int] = {}
        self._slow_until: dict[int, datetime] = {}

    def limit(self, lane: Lane) -> int:
        """Return the maximum number of lanes of the kind `lane` that may be in use at the same time."""
        return self._limits[lane]

    def is_slow(self, destination: int) -> bool:
        """Return whether the destination is slow."""
        until = self._slow_until.get(destination)
        return until is not None and self._clock() < until

    def slow(self) -> AbstractSet[int]:
        """Return all slow destinations."""
        return {destination for destination in self._slow_until if self.is_slow(destination)}

    def allows(self, lane: Lane, destination: int) -> bool:
        """Return whether one more lane of the kind `lane` may serve the destination now."""
        return not self._is_full(destination) and (
            lane is Lane.SLOW or not self.is_slow(destination)
        )

    def blocked(self) -> AbstractSet[int]:
        """Return the destinations that no further ordinary lane may serve now."""
        return self.slow() | {each for each in self._lanes_in_use if self._is_full(each)}

    def slow_and_free(self) -> AbstractSet[int]:
        """Return the slow destinations that no lane serves now."""
        return {destination for destination in self.slow() if not self._is_full(destination)}

    def acquire(self, destination: int) -> None:
        """Add one to the number of lanes that serve the destination. `release` subtracts it again."""
        self._lanes_in_use[destination] += 1

    def release(self, destination: int) -> None:
        """Subtract one from the number of lanes that serve the destination."""
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
        """Record a slow response for the destination. Return whether the destination became slow by this response."""
        new = not self.is_slow(destination)
        count = min(max(self._slow_responses.get(destination, 0), 0) + 1, _MAX_SLOW_RESPONSES)
        self._slow_responses[destination] = count
        self._slow_until[destination] = self._clock() + _FIRST_SLOW_PERIOD * (1 << (count - 1))
        return new

    def _is_full(self, destination: int) -> bool:
        quick = not self.is_slow(destination) and self._slow_responses.get(destination, 0) < 0
        return self._lanes_in_use[destination] >= (self._quick_limit if quick else 1)
