"""Changes of many sessions by workers, in which the failure of one session does not stop the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from uuid import UUID

from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.logs import get_logger

_log = get_logger()


async def change_each(
    database: Database,
    list_due: Callable[[Transaction, Collection[UUID]], Awaitable[Sequence[UUID]]],
    change: Callable[[Transaction, UUID], Awaitable[bool]],
) -> int:
    """Call `change` for each due id in its own transaction, and return how often it returned True.

    `list_due` returns the next due ids, without the ids in its second argument, which were already tried. After a
    failure, the next ids are listed too, so that ids that always fail never fill the list. A failure is logged and does
    not stop the other changes. After the last change, an ExceptionGroup with all failures is raised, so that the worker
    logs their tracebacks and its health shows them.
    """
    changed = 0
    tried: set[UUID] = set()
    failures: list[Exception] = []
    while True:
        async with database.transaction() as tx:
            due = await list_due(tx, tried)
        failures_before = len(failures)
        for each in due:
            try:
                async with database.transaction() as tx:
                    changed += await change(tx, each)
            except Exception as failure:  # noqa: BLE001 - a defect of one session must not stop the others
                _log.warning("automatic_change_failed", id=str(each), error=repr(failure)[:200])
                failures.append(failure)
        tried.update(due)
        if len(failures) == failures_before:
            break
    if failures:
        raise ExceptionGroup("automatic changes failed", failures)
    return changed
