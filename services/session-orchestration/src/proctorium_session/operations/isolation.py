"""Changes of many sessions by workers, in which the failure of one session does not stop the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.logs import get_logger

_log = get_logger()


async def change_each(
    database: Database, ids: Iterable[UUID], change: Callable[[Transaction, UUID], Awaitable[bool]]
) -> int:
    """Call `change` for each id in its own transaction, and return how often it returned True.

    A failure is logged and does not stop the other changes. After the last change, an ExceptionGroup with all failures
    is raised, so that the worker logs their tracebacks and its health shows them.
    """
    changed = 0
    failures: list[Exception] = []
    for each in ids:
        try:
            async with database.transaction() as tx:
                changed += await change(tx, each)
        except Exception as failure:  # noqa: BLE001 - a defect of one session must not stop the others
            _log.warning("automatic_change_failed", id=str(each), error=repr(failure)[:200])
            failures.append(failure)
    if failures:
        raise ExceptionGroup("automatic changes failed", failures)
    return changed
