"""Presence: an open stream is a learner who is there (`S6`).

A participant is connected while any of their streams on any replica is alive. Each replica keeps a lease for those whose stream it
holds, written in batches; whoever has no lease left is shown as disconnected, by whichever replica looks first. So a replica that
dies takes nobody's presence with it for longer than a lease.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from proctorium_common.storage.database import Database
from proctorium_session.operations import announcements
from proctorium_session.operations.recording import OURSELVES, Happened, change
from proctorium_session.storage import presence, sessions

_SETTLED_AT_ONCE = 200
"""Participants of one session in one transaction: a thousand who come at once do not keep others from the session's row."""


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a replica's word counts, and how long after the last stream closed: a page that reloads is not a learner lost."""

    length: timedelta = timedelta(seconds=6)
    linger: timedelta = timedelta(seconds=2)


class Presence:
    """The open streams of this replica, and their leases. `monotonic` answers seconds."""

    def __init__(
        self, database: Database, replica_id: UUID, lease: Lease, monotonic: Callable[[], float]
    ) -> None:
        self._database = database
        self._replica_id = replica_id
        self._lease = lease
        self._monotonic = monotonic
        self._streams: Counter[UUID] = Counter()
        self._renewed: dict[UUID, float] = {}
        self._closed: set[UUID] = set()

    @contextmanager
    def stream(self, participant_id: UUID) -> Iterator[None]:
        """The participant is connected within the block."""
        self._streams[participant_id] += 1
        self._closed.discard(participant_id)
        try:
            yield
        finally:
            self._streams[participant_id] -= 1
            if not self._streams[participant_id]:
                del self._streams[participant_id]
                # What was never written need not be ended.
                if self._renewed.pop(participant_id, None) is not None:
                    self._closed.add(participant_id)

    async def turn(self) -> None:
        """Writes this replica's leases, then shows everybody as the leases of all replicas say."""
        await self._write()
        await self._settle()

    async def _write(self) -> None:
        began = self._monotonic()
        half = self._lease.length.total_seconds() / 2
        due = [each for each in self._streams if began - self._renewed.get(each, -half) >= half]
        closed = set(self._closed)
        if not due and not closed:
            return
        async with self._database.transaction() as tx:
            if due:
                await presence.renew(tx, self._replica_id, due, self._lease.length)
            if closed:
                await presence.renew(tx, self._replica_id, closed, self._lease.linger)
                await presence.forget_lapsed(tx)
        self._renewed.update((each, began) for each in due if each in self._streams)
        # Who closed while that was written had a whole lease: it is ended at the next turn.
        self._closed |= {each for each in due if each not in self._streams}
        self._closed -= closed

    async def _settle(self) -> None:
        async with self._database.transaction() as tx:
            differing = await presence.differing(tx)
        for each in differing:
            for some in each.in_batches(_SETTLED_AT_ONCE):
                await self._settle_session(some)

    async def _settle_session(self, differing: presence.Differing) -> None:
        async with self._database.transaction() as tx:
            session = await sessions.lock(tx, differing.session_id)
            if session is None or session.state.over:
                return
            # Looked at again under the lock: another replica may have been faster, or the learner may be back.
            settled = await presence.settle(tx, differing.participant_ids, session.next_revision)
            if settled:
                happened = [_happened(differing.session_id, each) for each in settled]
                await change(tx, session, happened)


def _happened(session_id: UUID, settled: presence.Settled) -> Happened:
    who = settled.participant_id
    if settled.connected:
        event = announcements.connected(session_id, who, settled.person_id)
        return Happened(event, settled.person_id, who)
    return Happened(announcements.disconnected(session_id, who, settled.person_id), OURSELVES, who)
