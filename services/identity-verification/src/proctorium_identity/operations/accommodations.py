"""Changes of accommodations, which can change the kind of cases (`P2`)."""

from __future__ import annotations

from uuid import UUID

from proctorium_common.storage.database import Transaction
from proctorium_identity.operations.cases import request_alternative_check
from proctorium_identity.storage import accommodations, cases


async def update_accommodation(
    tx: Transaction, person_id: UUID, revision: int, *, is_alternative: bool
) -> None:
    """Store whether the person's identity is checked without images, unless this or a newer revision is stored.

    If the identity is now checked without images, the person's cases that still need images become cases of the kind
    alternative. If it is now checked with images, the change applies only to cases that are opened afterwards.
    """
    await accommodations.lock_accommodation(tx, person_id)
    is_newer = await accommodations.update_accommodation(
        tx, person_id, revision, is_alternative=is_alternative
    )
    if not is_newer or not is_alternative:
        return
    for case in await cases.lock_cases_that_need_images(tx, person_id):
        await request_alternative_check(tx, case)
