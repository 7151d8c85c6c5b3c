"""The queue of a session's cases that wait for a decision, as it is and as it changes (`I3`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener
from proctorium_identity.domain.cases import Case, not_your_case
from proctorium_identity.operations.cases import CHANNEL
from proctorium_identity.storage import cases, sessions


async def watch_queue(
    database: Database, listener: Listener, caller: Caller, session_id: UUID
) -> AsyncIterator[Sequence[Case]]:
    """The queue at once, and after every change. Raises NOT_YOUR_CASE, also when supervision ends meanwhile.

    Changes that come together make one answer; the queue is read anew each time, so none is missed.
    """
    yield (shown := await _queue(database, caller, session_id))
    async with listener.subscribe(CHANNEL) as notices:
        async for changed in notices:
            if changed not in (None, str(session_id)):
                continue
            queue = await _queue(database, caller, session_id)
            if queue != shown:
                shown = queue
                yield queue


async def _queue(database: Database, caller: Caller, session_id: UUID) -> Sequence[Case]:
    async with database.transaction() as tx:
        if caller.person_id not in await sessions.proctors_of(tx, session_id):
            raise not_your_case()
        waiting = await cases.waiting_cases(tx, session_id)
        return [case for case in waiting if case.person_id != caller.person_id]
