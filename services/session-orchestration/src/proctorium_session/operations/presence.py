"""Presence of participants, and outages of learners in the session (`S6`, `A7`).

A participant is connected while the participant has an open stream on any replica.

Each replica stores a lease for every participant who has a stream on it. All replicas search for participants who have
no valid lease, and set them to disconnected. If a replica stops, or the database was unavailable, the leases expire
although the learners did not lose their connections. The learners then stay connected for the time in which they can
connect again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database, Transaction
from proctorium_session.domain.outages import RECONNECT, Outage, ReturnRequest
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Participant
from proctorium_session.domain.sessions import Session
from proctorium_session.events import participant_events
from proctorium_session.operations.changes import SYSTEM_ACTOR, RecordedEvent, save_change
from proctorium_session.operations.isolation import change_each
from proctorium_session.operations.leases import Lease, Leases
from proctorium_session.storage import outages, participants, presence, sessions

_MAX_PARTICIPANTS = 200
"""The maximum number of participants of a session that one transaction updates.

This maximum limits the time for which the session's row is locked.
"""


class Presence:
    """The open streams of participants on this replica, and their leases. `monotonic` returns a time in seconds.

    `reconnect` is the time in which learners can connect again after the service itself was away. `is_draining` returns
    whether this replica is stopping, so that it ends the streams of its learners.
    """

    def __init__(
        self,
        database: Database,
        replica_id: UUID,
        lease: Lease,
        monotonic: Callable[[], float],
        *,
        reconnect: timedelta = RECONNECT,
        is_draining: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database = database
        self._replica_id = replica_id
        self._length = lease.length
        self._reconnect = reconnect
        self._is_draining = is_draining
        self._leases = Leases[UUID](
            database,
            lease,
            monotonic,
            partial(presence.upsert_leases, replica_id=replica_id),
            partial(presence.shorten_leases, replica_id=replica_id),
            presence.delete_expired_leases,
        )

    @property
    def connected(self) -> int:
        """The number of participants who have an open stream on this replica."""
        return self._leases.open

    def stream(self, participant_id: UUID) -> AbstractContextManager[None]:
        """Return a context manager that counts one more open stream of the participant during the block."""
        return self._leases.stream(participant_id)

    async def run(self) -> None:
        """Store the leases of this replica, then update `connected` of all participants.

        A participant is connected if any replica has a valid lease for the participant. A replica that is stopping does
        nothing, so that the streams which it has ended do not count as lost connections.
        """
        if self._is_draining():
            return
        await self._leases.store()
        await self._update_connected()

    async def _update_connected(self) -> None:
        async with self._database.transaction() as tx:
            await presence.upsert_replica(tx, self._replica_id, self._length)
        while await self._update_sessions():
            pass

    async def _update_sessions(self) -> bool:
        """Update at most `_MAX_PARTICIPANTS` of each session. Return whether some sessions have more."""
        stale: dict[UUID, Sequence[UUID]] = {}

        async def list_due(tx: Transaction, tried: Collection[UUID]) -> Sequence[UUID]:
            stale.update(
                await presence.list_stale_participants(
                    tx, length=self._length, reconnect=self._reconnect
                )
            )
            return [session_id for session_id in stale if session_id not in tried]

        async def change(tx: Transaction, session_id: UUID) -> bool:
            ids = stale[session_id]
            changed = await self._update_session(tx, session_id, ids[:_MAX_PARTICIPANTS])
            return changed and len(ids) > _MAX_PARTICIPANTS

        return await change_each(self._database, list_due, change) > 0

    async def _update_session(self, tx: Transaction, session_id: UUID, ids: Sequence[UUID]) -> bool:
        session = await sessions.lock_session(tx, session_id)
        if session is None or session.state.is_over:
            return False
        # Before the session was locked, another replica may have made the same change, or a learner may have
        # reconnected. The update therefore compares `connected` with the leases again.
        changes = await presence.update_connected(
            tx, ids, session.next_revision, length=self._length, reconnect=self._reconnect
        )
        if changes:
            await save_change(tx, session, await _record(tx, session, changes))
        return bool(changes)


async def _record(
    tx: Transaction, session: Session, changes: Sequence[presence.ConnectionChange]
) -> list[RecordedEvent]:
    """Start and end outages, store return requests, and return the events about the changed connections."""
    ids = [each.participant_id for each in changes]
    views = await participants.list_views(tx, session.session_id, only=ids)
    by_id = {view.participant.participant_id: view.participant for view in views}
    started: dict[UUID, Outage] = {}
    requests: dict[UUID, ReturnRequest] = {}
    ended: list[UUID] = []
    recorded: list[RecordedEvent] = []
    for change in changes:
        participant = by_id[change.participant_id]
        if change.lost_at is None:
            outage = (
                participant.outage if participant.outage and participant.outage.is_open else None
            )
            if outage is not None:
                ended.append(outage.outage_id)
                outage = replace(outage, ended_at=max(change.now, outage.started_at))
            connected = participant_events.participant_connected(participant, outage)
            recorded.append(RecordedEvent(connected, participant.person_id, change.participant_id))
            request = _new_return_request(session, participant, outage)
            if request is not None:
                requests[change.participant_id] = request
                requested = participant_events.participant_return_requested(participant, request)
                recorded.append(
                    RecordedEvent(requested, participant.person_id, change.participant_id)
                )
        else:
            outage = _new_outage(session, participant, change)
            if outage is not None:
                started[change.participant_id] = outage
            limit = session.plan.disconnect_policy.returned_limit
            disconnected = participant_events.participant_disconnected(participant, outage, limit)
            recorded.append(RecordedEvent(disconnected, SYSTEM_ACTOR, change.participant_id))
    await outages.insert_outages(tx, session.session_id, started)
    await outages.end_outages(tx, ended, changes[0].now)
    await outages.insert_return_requests(tx, session.session_id, requests)
    return recorded


def _new_return_request(
    session: Session, participant: Participant, ended: Outage | None
) -> ReturnRequest | None:
    """Return the request of a learner who needs approval after an outage, or None if no approval is needed."""
    if ended is None or ended.ended_at is None or participant.return_request is not None:
        return None
    if not session.state.is_running or participant.state is not ParticipantState.IN_SESSION:
        return None
    if not session.plan.disconnect_policy.needs_approval(ended):
        return None
    return ReturnRequest(new_id(), ended.ended_at)


def _new_outage(
    session: Session, participant: Participant, change: presence.ConnectionChange
) -> Outage | None:
    """Return the outage that starts with a lost connection.

    The outage does not start before the learner was in the session, or before the session continued for the learner.
    Return None unless the learner is in a session that is in progress or closing.
    """
    if not session.state.is_running or participant.state is not ParticipantState.IN_SESSION:
        return None
    if participant.entered_time is None or change.lost_at is None:
        return None
    since = participant.continued_at or participant.entered_time
    return Outage(new_id(), max(change.lost_at, since))
