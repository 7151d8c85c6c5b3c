"""Leases for the open streams of one replica."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from proctorium_common.storage.database import Database, Transaction

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a lease is valid.

    While a stream is open, the lease is renewed again and again, each time for `length`. After the last stream has
    closed, the lease is shortened to `linger`, so that a person stays connected while their page reloads.
    """

    length: timedelta = timedelta(seconds=6)
    linger: timedelta = timedelta(seconds=2)


class Leases(Generic[K]):
    """The open streams of this replica, and the leases that this replica stores for them.

    A key stands for the person who has opened a stream. `monotonic` returns a time in seconds. `upsert` stores leases
    that are valid for the given time from now. `shorten` lets valid leases expire after the given time from now.
    `delete_expired` deletes leases that are no longer needed.
    """

    def __init__(
        self,
        database: Database,
        lease: Lease,
        monotonic: Callable[[], float],
        upsert: Callable[[Transaction, Collection[K], timedelta], Awaitable[None]],
        shorten: Callable[[Transaction, Collection[K], timedelta], Awaitable[None]],
        delete_expired: Callable[[Transaction], Awaitable[None]],
    ) -> None:
        self._database = database
        self._lease = lease
        self._monotonic = monotonic
        self._upsert = upsert
        self._shorten = shorten
        self._delete_expired = delete_expired
        self._streams: Counter[K] = Counter()
        self._renewed: dict[K, float] = {}
        self._closed: set[K] = set()

    @property
    def open(self) -> int:
        """The number of keys that have an open stream on this replica."""
        return len(self._streams)

    @contextmanager
    def stream(self, key: K) -> Iterator[None]:
        """Count one more open stream of `key` during the block."""
        self._streams[key] += 1
        self._closed.discard(key)
        try:
            yield
        finally:
            self._streams[key] -= 1
            if not self._streams[key]:
                del self._streams[key]
                # If a lease was stored for the stream, the next run shortens the lease.
                if self._renewed.pop(key, None) is not None:
                    self._closed.add(key)

    async def store(self) -> None:
        """Store the leases that are due, and shorten the leases of the streams that have closed."""
        now = self._monotonic()
        half = self._lease.length.total_seconds() / 2
        due = [each for each in self._streams if now - self._renewed.get(each, -half) >= half]
        closed = set(self._closed)
        if not due and not closed:
            return
        async with self._database.transaction() as tx:
            if due:
                await self._upsert(tx, due, self._lease.length)
            if closed:
                await self._shorten(tx, closed, self._lease.linger)
                await self._delete_expired(tx)
        self._renewed.update((each, now) for each in due if each in self._streams)
        # If the last stream of a key closed during the transaction, the lease was stored with its full length. The next
        # run shortens this lease.
        self._closed |= {each for each in due if each not in self._streams}
        self._closed -= closed
