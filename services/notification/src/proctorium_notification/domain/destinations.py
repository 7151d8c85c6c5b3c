"""Destinations: which of them are slow, and how many connections to the mail server each may have.

A destination stands for the domain of a mail address. It is a small number, so that a waiting mail stores nothing that identifies a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

DESTINATIONS = 1024
"""How many destinations there are. Domains with the same number share their connections."""

_SLOW_FOR = timedelta(seconds=10)
"""How long a destination is slow after its first slow response; doubled with each further one."""
_MOST_COUNTED = 7
"""The most slow responses that are counted, which limits the time to some ten minutes."""


def destination_of(email: str) -> int:
    """Return the destination of a mail address: the same in every process."""
    domain = email.rpartition("@")[2].lower()
    digest = sha256(domain.encode(errors="replace")).digest()
    return int.from_bytes(digest[:2]) % DESTINATIONS


class Lane(StrEnum):
    """Kinds of lanes; a lane is one connection to the mail server that sends one batch of mails."""

    ORDINARY = "ordinary"
    SLOW = "slow"


class Destinations:
    """Limits the lanes of one process by how quickly its destinations respond.

    A quarter of the lanes serves only slow destinations, each with one lane at most.
    Of the ordinary lanes, a destination that responds quickly may use half, and any other one.

    A slow response makes a destination slow for a time that doubles with each further slow response. A quick response cancels one slow
    response; when none is left, the destination is no longer slow.
    """

    def __init__(self, connections: int, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        slow = max(1, connections // 4)
        self._lanes = {Lane.ORDINARY: connections - slow, Lane.SLOW: slow}
        self._most = max(1, self._lanes[Lane.ORDINARY] // 2)
        self._at_work: Counter[int] = Counter()
        # Slow responses that no quick one has cancelled; -1 if there are none and the last response was quick.
        self._slow_answers: dict[int, int] = {}
        self._slow_until: dict[int, datetime] = {}

    def lanes(self, lane: Lane) -> int:
        """Return the most concurrent lanes of this kind."""
        return self._lanes[lane]

    def is_slow(self, destination: int) -> bool:
        """Return whether the destination is slow."""
        until = self._slow_until.get(destination)
        return until is not None and self._clock() < until

    def slow(self) -> AbstractSet[int]:
        """Return all slow destinations."""
        return {destination for destination in self._slow_until if self.is_slow(destination)}

    def open_to(self, lane: Lane, destination: int) -> bool:
        """Return whether one more lane of this kind may serve the destination now."""
        return not self._full(destination) and (lane is Lane.SLOW or not self.is_slow(destination))

    def closed(self) -> AbstractSet[int]:
        """Return the destinations that no further ordinary lane may serve now."""
        return self.slow() | {each for each in self._at_work if self._full(each)}

    def slow_and_open(self) -> AbstractSet[int]:
        """Return the slow destinations that no lane serves now."""
        return {destination for destination in self.slow() if not self._full(destination)}

    def acquire(self, destination: int) -> None:
        """Count a lane that serves the destination, until `release`."""
        self._at_work[destination] += 1

    def release(self, destination: int) -> None:
        """Stop counting a lane that serves the destination."""
        self._at_work[destination] -= 1
        if not self._at_work[destination]:
            del self._at_work[destination]

    def answered_quickly(self, destination: int) -> None:
        """Record a quick response for the destination."""
        left = max(self._slow_answers.get(destination, 0) - 1, -1)
        self._slow_answers[destination] = left
        if left <= 0:
            self._slow_until.pop(destination, None)

    def answered_slowly(self, destination: int) -> bool:
        """Record a slow response for the destination; return whether it was not slow before."""
        new = not self.is_slow(destination)
        count = min(max(self._slow_answers.get(destination, 0), 0) + 1, _MOST_COUNTED)
        self._slow_answers[destination] = count
        self._slow_until[destination] = self._clock() + _SLOW_FOR * (1 << (count - 1))
        return new

    def _full(self, destination: int) -> bool:
        quick = not self.is_slow(destination) and self._slow_answers.get(destination, 0) < 0
        most = self._most if quick else 1
        return self._at_work[destination] >= most
