"""Presence of participants (`S6`).

A participant is connected while the participant has an open stream on any replica.

Each replica stores a lease for every participant who has a stream on it. All replicas search for participants who have
no valid lease, and set them to disconnected. After a replica has failed, its participants are therefore shown as
connected only until their leases expire.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from uuid import UUID

from proctorium_common.storage.database import Database
from proctorium_session import events
from proctorium_session.operations.changes import SYSTEM_ACTOR, RecordedEvent, save_change
from proctorium_session.operations.leases import Lease, Leases
from proctorium_session.storage import presence, sessions

_MAX_PARTICIPANTS = 200
"""The maximum number of participants of a session that one transaction updates.

This maximum limits the time for which the session's row is locked.
"""


class Presence:
    """The open streams of participants on this replica, and their leases. `monotonic` returns a time in seconds."""

    def __init__(
        self, database: Database, replica_id: UUID, lease: Lease, monotonic: Callable[[], float]
    ) -> None:
        self._database = database
        self._leases = Leases[UUID](
            database,
            lease,
            monotonic,
            partial(presence.upsert_leases, replica_id=replica_id),
            presence.delete_expired_leases,
        )

    def stream(self, participant_id: UUID) -> AbstractContextManager[None]:
        """Return a context manager that counts one more open stream of the participant during the block."""
        return self._leases.stream(participant_id)

    async def run(self) -> None:
        """Store the leases of this replica, then update `connected` of all participants.

        A participant is connected if any replica has a valid lease for the participant.
        """
        await self._leases.store()
        await self._update_connected()

    async def _update_connected(self) -> None:
        async with self._database.transaction() as tx:
            stale = await presence.list_stale_participants(tx)
        for of_session in stale:
            for batch in of_session.in_batches(_MAX_PARTICIPANTS):
                await self._update_session(batch)

    async def _update_session(self, stale: presence.StaleParticipants) -> None:
        async with self._database.transaction() as tx:
            session = await sessions.lock_session(tx, stale.session_id)
            if session is None or session.state.is_final:
                return
            # Before the session was locked, another replica may have made the same change, or a learner may have
            # reconnected. The update therefore compares `connected` with the leases again.
            changes = await presence.update_connected(
                tx, stale.participant_ids, session.next_revision
            )
            if changes:
                recorded = [_recorded_event(stale.session_id, each) for each in changes]
                await save_change(tx, session, recorded)


def _recorded_event(session_id: UUID, change: presence.ConnectionChange) -> RecordedEvent:
    participant_id, person_id = change.participant_id, change.person_id
    if change.connected:
        event = events.participant_connected(session_id, participant_id, person_id)
        return RecordedEvent(event, person_id, participant_id)
    disconnected = events.participant_disconnected(session_id, participant_id, person_id)
    return RecordedEvent(disconnected, SYSTEM_ACTOR, participant_id)
