"""Access tokens as the running system would have signed them at another time: by its own signer, with its own key."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from proctorium_common.storage.database import Database
from proctorium_devstack.stack import Stack
from proctorium_enrollment.operations.signing import ACCESS_LIFE, Signing
from proctorium_enrollment.storage.sealing import Seals

LEEWAY = timedelta(seconds=30)
"""A token that was over for less is still good: clocks differ."""


async def signed(stack: Stack, person_id: str, roles: Iterable[str], ago: timedelta) -> str:
    """The token that enrollment would have given `ago` to somebody who holds `roles`; the key is read from where it keeps it."""
    master_key = (stack.folders.of("enrollment") / "master.key").read_text("ascii")
    signing = Signing(Seals.of(base64.b64decode(master_key)).signing_keys)
    database = Database(
        stack.database_url("enrollment"), clock=lambda: datetime.now(UTC) - ago, pool_size=1
    )
    try:
        async with database.transaction() as tx:
            signer = await signing.signer(tx)
            return signer.sign(UUID(person_id), roles).text
    finally:
        await database.close()


def almost_over(left: timedelta = timedelta(seconds=1.5)) -> timedelta:
    """How long ago that was signed which is good for `left` yet, or up to a second less: tokens have whole seconds."""
    return ACCESS_LIFE + LEEWAY - left
