"""Reading the session record (`S18`)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.record import Entry
from proctorium_session.operations.access import supervised
from proctorium_session.storage import record, sessions

_USUAL, _MOST = 100, 1000


async def page(
    tx: Transaction, caller: Caller, session_id: UUID, *, page_size: int, page_token: str
) -> tuple[Sequence[Entry], str]:
    """A page of the record, in order. Raises NOT_FOUND, NOT_YOUR_SESSION, INVALID_PAGE_TOKEN."""
    supervised(await sessions.find(tx, session_id), caller)
    name = f"record:{session_id}"
    limit = pages.size_of(page_size, usual=_USUAL, most=_MOST)
    tokens = await pages.tokens(tx)
    after = tokens.after(name, page_token, int)
    found = await record.page(tx, session_id, after=after[0] if after else 0, limit=limit + 1)
    return tokens.cut(name, found, limit, lambda entry: (entry.number,))
