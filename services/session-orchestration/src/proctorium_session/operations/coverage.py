"""Presence of proctors, and the coverage of sessions (`S6`).

A proctor or an administrator is present while they have an open roster on any replica. Each replica stores leases for
its rosters. All replicas compare the leases with the stored coverage of the sessions. The lock of the session's row
ensures that each change is stored and published once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID

from proctorium_common.storage.database import Database, Transaction
from proctorium_session.domain.coverage import observe
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import ActingRole, Actor, Session
from proctorium_session.events import session_events
from proctorium_session.operations.changes import SYSTEM_ACTOR, RecordedEvent, save_change
from proctorium_session.operations.isolation import change_each
from proctorium_session.operations.leases import Lease, Leases
from proctorium_session.storage import coverage, sessions


class ProctorPresence:
    """The open rosters on this replica, and their leases. `monotonic` returns a time in seconds."""

    def __init__(
        self, database: Database, replica_id: UUID, lease: Lease, monotonic: Callable[[], float]
    ) -> None:
        self._database = database
        self._lease = lease
        self._upsert = partial(coverage.upsert_leases, replica_id=replica_id)
        self._leases = Leases[coverage.Key](
            database,
            lease,
            monotonic,
            self._upsert,
            partial(coverage.shorten_leases, replica_id=replica_id),
            coverage.delete_expired_leases,
        )
        self._observing_since: datetime | None = None

    @property
    def connected(self) -> int:
        """The number of open rosters on this replica; several rosters of one person in one session count once."""
        return self._leases.open

    def stream(self, session_id: UUID, person_id: UUID) -> AbstractContextManager[None]:
        """Return a context manager whose block counts as one open `WatchRoster` stream of the person."""
        return self._leases.stream((session_id, person_id))

    async def run(self) -> None:
        """Store the leases of this replica, then update the coverage of all sessions."""
        await self._leases.store()
        await change_each(self._database, self._list_stale, self._update_session)

    async def _list_stale(self, tx: Transaction, tried: Collection[UUID]) -> Sequence[UUID]:
        if self._observing_since is None:
            self._observing_since = await coverage.get_time(tx)
        stale = await coverage.list_stale_session_ids(tx, self._observing_since)
        return [session_id for session_id in stale if session_id not in tried]

    async def _update_session(self, tx: Transaction, session_id: UUID) -> bool:
        session = await sessions.lock_session(tx, session_id)
        # Before the lock, another replica may have made the same change.
        if session is None or not is_observed(session):
            return False
        return await self._update(tx, session) != session

    async def cover(self, tx: Transaction, session: Session, person_id: UUID) -> Session:
        """Store a lease for the person, and return the session with the person present.

        The caller has locked the session's row.
        """
        if not is_observed(session):
            return session
        await self._upsert(tx, [(session.session_id, person_id)], self._lease.length)
        return await self._update(tx, session)

    async def _update(self, tx: Transaction, session: Session) -> Session:
        present = await coverage.get_present(tx, session.session_id)
        before = session.coverage
        after = observe(
            before,
            present.ids,
            now=present.now,
            observing_since=self._observing_since or present.now,
            uncovered_after=session.plan.uncovered_after,
            revision=session.next_revision,
        )
        if after == before:
            return session
        session = replace(session, coverage=after)
        recorded = []
        if before.uncovered_at is None and after.uncovered_at is not None:
            recorded.append(RecordedEvent(session_events.session_uncovered(session), SYSTEM_ACTOR))
        elif before.uncovered_at is not None and after.uncovered_at is None:
            actor = _present_actor(session)
            covered = session_events.session_covered(session, actor, present.now)
            recorded.append(RecordedEvent(covered, actor.person_id))
        return await save_change(tx, session, recorded)


def is_observed(session: Session) -> bool:
    """Return whether a proctor must be present: the lobby of the session has opened, and the session is not over."""
    return session.state is not SessionState.SCHEDULED and not session.state.is_over


def _present_actor(session: Session) -> Actor:
    """Return a present person, preferably a proctor of the session, with the role in which this person is present."""
    present_ids = session.coverage.present_ids
    for person_id in session.plan.proctor_ids:
        if person_id in present_ids:
            return Actor(person_id, ActingRole.PROCTOR)
    return Actor(present_ids[0], ActingRole.ADMINISTRATOR)
