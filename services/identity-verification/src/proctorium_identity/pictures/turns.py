"""Who is next to have a picture read: cases take turns, so that whoever sends many waits behind their own."""

from __future__ import annotations

import asyncio
from collections import deque
from uuid import UUID

from proctorium_identity.domain.pictures import pictures_under_way, readers_busy


class Turns:
    """`at_once` turns at the same time, one of a case; whoever had one goes behind all others who wait.

    For one event loop: nothing here is awaited between looking and writing.
    """

    def __init__(self, at_once: int, *, most_waiting: int) -> None:
        self._free = at_once
        self._most_waiting = most_waiting
        self._under_way: set[UUID] = set()
        self._waiting: dict[UUID, deque[asyncio.Future[None]]] = {}
        """Those who wait, by case; the cases in the order of their turns."""

    async def take(self, case_id: UUID, patience: float | None = None) -> None:
        """Returns when it is the case's turn, which `give_back` ends.

        Raises PICTURES_UNDER_WAY where too many of the case wait, READERS_BUSY where the turn does not come within `patience` seconds.
        """
        if len(self._waiting.get(case_id, ())) >= self._most_waiting:
            raise pictures_under_way()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(case_id, deque()).append(turn)
        self._give()
        try:
            async with asyncio.timeout(patience):
                await turn
        except BaseException as gone:
            self._leave(case_id, turn)
            if isinstance(gone, TimeoutError):
                raise readers_busy() from gone
            raise

    def give_back(self, case_id: UUID) -> None:
        """The turn that the case had is over."""
        self._under_way.remove(case_id)
        self._free += 1
        if line := self._waiting.pop(case_id, None):
            # More of it wait: behind everybody else who does.
            self._waiting[case_id] = line
        self._give()

    def _give(self) -> None:
        while self._free and (case_id := self._next()) is not None:
            line = self._waiting[case_id]
            turn = line.popleft()
            if not line:
                del self._waiting[case_id]
            if not turn.done():  # whoever is being cancelled leaves the line only a moment later
                self._free -= 1
                self._under_way.add(case_id)
                turn.set_result(None)

    def _next(self) -> UUID | None:
        return next((each for each in self._waiting if each not in self._under_way), None)

    def _leave(self, case_id: UUID, turn: asyncio.Future[None]) -> None:
        """Whoever waited is gone: out of the line, or with a turn that came at the same moment and is given on."""
        if turn.done() and not turn.cancelled():
            self.give_back(case_id)
            return
        line = self._waiting.get(case_id, deque())
        if turn in line:
            line.remove(turn)
            if not line:
                del self._waiting[case_id]
