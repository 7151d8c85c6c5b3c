"""What was sent and what became of it, for administrators (`N4`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from proctorium_common.storage import pages
from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.deliveries import Delivery, DeliveryState, require_resendable
from proctorium_notification.storage import deliveries


async def page(
    tx: Transaction,
    *,
    state: DeliveryState | None,
    person_id: UUID | None,
    page_size: int,
    page_token: str,
) -> tuple[Sequence[Delivery], str]:
    """Deliveries, newest first, and the token of the next page. Raises INVALID_PAGE_TOKEN."""
    name = f"deliveries {state or ''} {person_id or ''}"
    size = pages.size_of(page_size)
    tokens = await pages.tokens(tx)
    found = await deliveries.list_deliveries(
        tx,
        state=state,
        person_id=person_id,
        after=tokens.after(name, page_token, datetime, UUID),
        limit=size + 1,
    )
    return tokens.cut(name, found, size, lambda one: (one.created_at, one.delivery_id))


async def resend(tx: Transaction, delivery_id: UUID) -> Delivery:
    """Sends a failed or in-doubt delivery again, with the same Message-ID. Raises NOT_FOUND, DELIVERY_NOT_FAILED."""
    require_resendable(await deliveries.lock_delivery(tx, delivery_id))
    return await deliveries.save_resend(tx, delivery_id)
