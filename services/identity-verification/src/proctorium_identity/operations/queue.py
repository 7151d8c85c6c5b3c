"""The queue of a session, which contains the cases that wait for a decision (`I3`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from uuid import UUID

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener
from proctorium_identity.domain.cases import Case
from proctorium_identity.operations.actors import session_actor
from proctorium_identity.operations.cases import CHANNEL
from proctorium_identity.storage import cases


async def watch_queue(
    database: Database,
    listener: Listener,
    caller: Caller,
    session_id: UUID,
    *,
    heartbeat: timedelta,
) -> AsyncGenerator[Sequence[Case], None]:
    """Yield the queue without the caller's own case, immediately and after each change.

    The whole queue is read again after each notification, so no change is missed. If several changes happen at the same
    time, the queue may be yielded only once. After `heartbeat` without a change, the last queue is yielded again
    without a query, so that the client can detect a lost connection. Raises NOT_YOUR_CASE if the caller does not
    supervise the session, or no longer supervises it.
    """
    yield (current := await _read_queue(database, caller, session_id))
    now = asyncio.get_running_loop().time
    due = now() + heartbeat.total_seconds()
    async with listener.subscribe(CHANNEL) as notices:
        while True:
            try:
                async with asyncio.timeout_at(due):
                    changed_session = await anext(notices)
            except TimeoutError:
                send = True
            else:
                if changed_session not in (None, str(session_id)):
                    continue
                queue = await _read_queue(database, caller, session_id)
                send, current = queue != current, queue
            if send:
                yield current
                due = now() + heartbeat.total_seconds()


async def _read_queue(database: Database, caller: Caller, session_id: UUID) -> Sequence[Case]:
    async with database.transaction() as tx:
        await session_actor(tx, caller, session_id)
        submitted = await cases.list_submitted_cases(tx, session_id)
    return [case for case in submitted if case.person_id != caller.person_id]
