"""The queue of a session's cases that wait for a decision, as it is and as it changes (`I3`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from uuid import UUID

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener
from proctorium_identity.domain.cases import Case
from proctorium_identity.operations.access import actor_in
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
    """Yield the queue at once, and after every change. Raises NOT_YOUR_CASE, also when supervision ends meanwhile.

    Changes that come together make one response; the queue is read again each time, so none is missed. After `heartbeat` without a
    change, yield what was shown last, without the database: silence means that the connection is lost.
    """
    yield (shown := await _queue(database, caller, session_id))
    now = asyncio.get_running_loop().time
    due = now() + heartbeat.total_seconds()
    async with listener.subscribe(CHANNEL) as notices:
        while True:
            try:
                async with asyncio.timeout_at(due):
                    changed = await anext(notices)
            except TimeoutError:
                is_new = True
            else:
                if changed not in (None, str(session_id)):
                    continue
                queue = await _queue(database, caller, session_id)
                is_new, shown = queue != shown, queue
            if is_new:
                yield shown
                due = now() + heartbeat.total_seconds()


async def _queue(database: Database, caller: Caller, session_id: UUID) -> Sequence[Case]:
    async with database.transaction() as tx:
        await actor_in(tx, caller, session_id)
        waiting = await cases.waiting_cases(tx, session_id)
        return [case for case in waiting if case.person_id != caller.person_id]
