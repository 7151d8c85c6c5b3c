"""The organisation's settings in the database: one row, there from the first migration on."""

from __future__ import annotations

from sqlalchemy import select, update

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.organisation import Organisation
from proctorium_enrollment.storage.tables import organisation as table


async def read(tx: Transaction, *, lock: bool = False) -> Organisation:
    """The settings; with `lock` nobody else changes them until the transaction ends."""
    query = select(table)
    row = (await tx.execute(query.with_for_update() if lock else query)).one()
    return Organisation(row.name, row.administrator_contact, row.support_phone, row.version)


async def write(tx: Transaction, organisation: Organisation) -> None:
    """Replaces the settings."""
    await tx.execute(
        update(table).values(
            name=organisation.name,
            administrator_contact=organisation.administrator_contact,
            support_phone=organisation.support_phone,
            version=organisation.version,
        )
    )
