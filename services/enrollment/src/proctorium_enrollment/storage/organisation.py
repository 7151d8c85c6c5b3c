"""The organisation's settings in the database.

The table has one row, which the migration inserts.
"""

from __future__ import annotations

from sqlalchemy import Select, select, update

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.organisation import Organisation
from proctorium_enrollment.storage.tables import organisation as table


async def get_organisation(tx: Transaction) -> Organisation:
    """Return the settings."""
    return await _get(tx, select(table))


async def lock_organisation(tx: Transaction) -> Organisation:
    """Lock and return the settings."""
    return await _get(tx, select(table).with_for_update())


async def _get(tx: Transaction, statement: Select[*tuple[object, ...]]) -> Organisation:
    row = (await tx.execute(statement)).one()
    return Organisation(row.name, row.administrator_contact, row.support_phone, row.version)


async def update_organisation(tx: Transaction, organisation: Organisation) -> None:
    """Update the settings."""
    await tx.execute(
        update(table).values(
            name=organisation.name,
            administrator_contact=organisation.administrator_contact,
            support_phone=organisation.support_phone,
            version=organisation.version,
        )
    )
