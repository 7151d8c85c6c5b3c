"""Destinations: which of them are slow, and how many connections to the mail server each may have.

A destination stands for the domain of a mail address. It is a small number, so what is noted with a waiting mail names nobody.
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
"""How long a destination is slow after its first slow answer; doubled with each further one."""
_MOST_COUNTED = 7
"""Slow answers that are counted: up to some ten minutes."""


def destination_of(email: str) -> int:
    """Return the destination of a mail address: the same in every process."""
    domain = email.rpartition("@")[2].lower()
    digest = sha256(domain.encode(errors="replace")).digest()
    return int.from_bytes(digest[:2]) % DESTINATIONS


class Lane(StrEnum):
    """Kind of a lane; a lane is one connection to the mail server that sends a batch of mails."""

    ORDINARY = "ordinary"
    SLOW = "slow"


class Destinations:
    """Limits on the lanes of one process, from what it has seen of its destinations.

    A quarter of the lanes serves slow destinations and nothing else; a slow destination never has more than one of them.
    Of the ordinary lanes a destination that answers quickly may have half, and any other has one.

    A slow answer makes a destination slow for a time that doubles with each further slow answer. A quick answer takes back one slow
    answer, and the last of them ends being slow at once.
    """

    def __init__(self, connections: int, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        slow = max(1, connections // 4)
        self._lanes = {Lane.ORDINARY: connections - slow, Lane.SLOW: slow}
        self._most = max(1, self._lanes[Lane.ORDINARY] // 2)
        self._at_work: Counter[int] = Counter()
        # Slow answers that no quick one took back; -1 where the last answer was quick and there are none.
        self._slow_answers: dict[int, int] = {}
        self._slow_until: dict[int, datetime] = {}

    def lanes(self, lane: Lane) -> int:
        """Return how many lanes of this kind there may be at a time."""
        return self._lanes[lane]

    def is_slow(self, destination: int) -> bool:
        """Return whether the destination is slow."""
        until = self._slow_until.get(destination)
        return until is not None and self._clock() < until

    def slow(self) -> AbstractSet[int]:
        """Return all slow destinations."""
        return {destination for destination in self._slow_until if self.is_slow(destination)}

    def open_to(self, lane: Lane, destination: int) -> bool:
        """Return whether one more lane of this kind may work for the destination now."""
        return not self._full(destination) and (lane is Lane.SLOW or not self.is_slow(destination))

    def closed(self) -> AbstractSet[int]:
        """Return the destinations that no further ordinary lane may work for now."""
        return self.slow() | {each for each in self._at_work if self._full(each)}

    def slow_and_open(self) -> AbstractSet[int]:
        """Return the slow destinations that no lane works for now."""
        return {destination for destination in self.slow() if not self._full(destination)}

    def acquire(self, destination: int) -> None:
        """Count a lane that works for the destination; `release` it once."""
        self._at_work[destination] += 1

    def release(self, destination: int) -> None:
        """Count the lane no more."""
        self._at_work[destination] -= 1
        if not self._at_work[destination]:
            del self._at_work[destination]

    def answered_quickly(self, destination: int) -> None:
        """Note that a mail to the destination was answered in time."""
        left = max(self._slow_answers.get(destination, 0) - 1, -1)
        self._slow_answers[destination] = left
        if left <= 0:
            self._slow_until.pop(destination, None)

    def answered_slowly(self, destination: int) -> bool:
        """Note that a mail to the destination was not answered in time; return whether this is new."""
        new = not self.is_slow(destination)
        count = min(max(self._slow_answers.get(destination, 0), 0) + 1, _MOST_COUNTED)
        self._slow_answers[destination] = count
        self._slow_until[destination] = self._clock() + _SLOW_FOR * (1 << (count - 1))
        return new

    def _full(self, destination: int) -> bool:
        quick = not self.is_slow(destination) and self._slow_answers.get(destination, 0) < 0
        most = self._most if quick else 1
        return self._at_work[destination] >= most
