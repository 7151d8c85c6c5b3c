"""Removes what is not needed any more."""

from __future__ import annotations

from dataclasses import dataclass

from proctorium_common.storage.database import Database
from proctorium_enrollment.operations import forgetting


@dataclass(frozen=True)
class Forgetting:
    """One turn removes all that is due."""

    database: Database

    async def turn(self) -> None:
        """Removes it."""
        async with self.database.transaction() as tx:
            await forgetting.forget(tx)
