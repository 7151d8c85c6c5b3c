"""The evidence access log, for administrators (`I5`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from proctorium_common.storage import pages
from proctorium_common.storage.database import Transaction
from proctorium_identity.storage import looks
from proctorium_identity.storage.looks import Access


async def page(
    tx: Transaction, session_id: UUID, *, page_size: int, page_token: str
) -> tuple[Sequence[Access], str]:
    """Return a page of the session's evidence access log, newest first. Raises INVALID_PAGE_TOKEN."""
    name = f"evidence-accesses:{session_id}"
    limit = pages.size_of(page_size)
    tokens = await pages.tokens(tx)
    before = tokens.after(name, page_token, datetime, UUID)
    found = await looks.accesses(tx, session_id, before=before, limit=limit + 1)
    return tokens.cut(name, found, limit, lambda each: (each.looked_at, each.access_id))
