"""The organisation's settings (`P7`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from google.protobuf.message import Message

from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_enrollment.domain.organisation import Organisation, changed
from proctorium_enrollment.storage import organisation

M = TypeVar("M", bound=Message)


async def get_organisation(database: Database) -> Organisation:
    """Return the organisation's settings."""
    async with database.transaction() as tx:
        return await organisation.get_organisation(tx)


async def update_organisation(
    database: Database,
    changes: Mapping[str, str],
    etag: str,
    responder: Responder[Organisation, M],
) -> M:
    """Update the settings that `changes` contains.

    Raises STALE_ETAG if `etag` is not empty and is not the current etag.
    """

    async def run(tx: Transaction) -> Organisation:
        updated = changed(await organisation.lock_organisation(tx), changes, etag)
        await organisation.update_organisation(tx, updated)
        return updated

    return await database.respond(responder, run)
