"""Operations for administrators: listing deliveries with their outcomes, and resending deliveries (`N4`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_notification.domain.deliveries import Delivery, DeliveryState, require_resendable
from proctorium_notification.storage import deliveries

M = TypeVar("M", bound=Message)


async def list_page(
    database: Database,
    *,
    state: DeliveryState | None,
    person_id: UUID | None,
    page_size: int,
    page_token: str,
) -> tuple[Sequence[Delivery], str]:
    """Return a page of deliveries, newest first, and the token of the next page. Raises INVALID_PAGE_TOKEN."""
    name = f"deliveries {state or ''} {person_id or ''}"
    size = pages.effective_size(page_size)
    async with database.transaction() as tx:
        tokens = await pages.tokens(tx)
        found = await deliveries.list_deliveries(
            tx,
            state=state,
            person_id=person_id,
            after=tokens.after(name, page_token, datetime, UUID),
            limit=size + 1,
        )
    return tokens.cut(name, found, size, lambda each: (each.created_at, each.delivery_id))


async def resend(database: Database, delivery_id: UUID, responder: Responder[Delivery, M]) -> M:
    """Send a mail again if its delivery has failed or is in doubt.

    Raises NOT_FOUND, DELIVERY_NOT_FAILED.
    """

    async def run(tx: Transaction) -> Delivery:
        require_resendable(await deliveries.lock_delivery(tx, delivery_id))
        return await deliveries.update_delivery_to_pending_again(tx, delivery_id)

    return await database.respond(responder, run)
