"""The revocations of tokens in a service's database.

Enrollment writes a revocation in the transaction of the change that causes it. Each other service writes the revocation
when it handles the event about the change.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.security.revocations import Revocation
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.tables import revocations as table

CHANNEL = "revocations"
"""The NOTIFY channel to which a trigger on the table sends each change. The payload is the id of the person."""


async def refuse_tokens(tx: Transaction, person_id: UUID, version: int) -> None:
    """Refuse the person's tokens with an access version below `version`.

    Does nothing if the stored version is already the same or higher.
    """
    added = insert(table).values(
        person_id=person_id, refused_before=version, roles_before=0, roles=[], changed_at=tx.now
    )
    await tx.execute(
        added.on_conflict_do_update(
            index_elements=[table.c.person_id],
            set_={"refused_before": version, "changed_at": tx.now},
            where=table.c.refused_before < version,
        )
    )


async def limit_roles(
    tx: Transaction, person_id: UUID, version: int, roles: Collection[str]
) -> None:
    """Make the person's tokens with an access version below `version` give no other roles than `roles`.

    Does nothing if the stored version is already the same or higher.
    """
    names = sorted(roles)
    added = insert(table).values(
        person_id=person_id,
        refused_before=0,
        roles_before=version,
        roles=names,
        changed_at=tx.now,
    )
    await tx.execute(
        added.on_conflict_do_update(
            index_elements=[table.c.person_id],
            set_={"roles_before": version, "roles": names, "changed_at": tx.now},
            where=table.c.roles_before < version,
        )
    )


class DatabaseRevocations:
    """Reads the stored revocations for the in-memory copy (`security.revocations.Revocations`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> dict[UUID, Revocation]:
        """Return all revocations by the id of the person."""
        async with self._database.transaction() as tx:
            return {
                row.person_id: Revocation(
                    row.refused_before, row.roles_before, frozenset(row.roles)
                )
                for row in await tx.execute(select(table))
            }
