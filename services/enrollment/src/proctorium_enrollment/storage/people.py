"""People in the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Row, and_, exists, func, literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.people import Person, Role
from proctorium_enrollment.domain.sessions import Part
from proctorium_enrollment.storage.tables import people as table
from proctorium_enrollment.storage.tables import session_members as members


async def add(tx: Transaction, person: Person) -> bool:
    """Adds the person; False when another has the e-mail address."""
    added = insert(table).values(
        person_id=person.person_id,
        legal_name=person.legal_name,
        preferred_name=person.preferred_name,
        email=person.email,
        date_of_birth=person.date_of_birth,
        locale=person.locale,
        time_zone=person.time_zone,
        roles=sorted(person.role_names),
        certified_until=person.certified_until,
        created_at=tx.now,
    )
    result = await tx.execute(
        added.on_conflict_do_nothing(constraint="uq_people_email").returning(table.c.person_id)
    )
    return result.first() is not None


async def find(tx: Transaction, person_id: UUID) -> Person | None:
    """The person."""
    row = (await tx.execute(select(table).where(table.c.person_id == person_id))).first()
    return None if row is None else person_of(row)


async def lock(tx: Transaction, person_id: UUID) -> Person | None:
    """The person, whom nobody else changes until the transaction ends."""
    found = await tx.execute(
        select(table).where(table.c.person_id == person_id).with_for_update(key_share=True)
    )
    row = found.first()
    return None if row is None else person_of(row)


async def find_all(tx: Transaction, person_ids: Collection[UUID]) -> Sequence[Person]:
    """Those of the people who are known."""
    found = await tx.execute(select(table).where(table.c.person_id.in_(person_ids)))
    return [person_of(row) for row in found]


async def existing(tx: Transaction, person_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of the ids that are somebody's."""
    query = select(table.c.person_id).where(table.c.person_id.in_(person_ids))
    return frozenset((await tx.execute(query)).scalars())


async def page(tx: Transaction, after: tuple[str, UUID] | None, limit: int) -> Sequence[Person]:
    """At most `limit` people by legal name, after that name and id."""
    query = select(table).order_by(table.c.legal_name, table.c.person_id).limit(limit)
    if after is not None:
        query = query.where(tuple_(table.c.legal_name, table.c.person_id) > after)
    return [person_of(row) for row in await tx.execute(query)]


async def save_rights(tx: Transaction, person: Person) -> None:
    """Save the person's roles, certification, account state and access version."""
    await tx.execute(
        update(table)
        .where(table.c.person_id == person.person_id)
        .values(
            roles=sorted(person.role_names),
            certified_until=person.certified_until,
            disabled_at=person.disabled_at,
            access_version=person.access_version,
        )
    )


async def lock_administrators(tx: Transaction) -> None:
    """Let nobody else change who is an administrator until the transaction ends; the database's own guard takes the same lock."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('administrators', 0))"))


async def count_other_administrators(tx: Transaction, person_id: UUID) -> int:
    """Return how many others are administrators whose account is enabled."""
    query = (
        select(func.count())
        .select_from(table)
        .where(
            literal(Role.ADMINISTRATOR.value) == func.any(table.c.roles),
            table.c.disabled_at.is_(None),
            table.c.person_id != person_id,
        )
    )
    return int((await tx.execute(query)).scalar_one())


async def seen_in_sessions(
    tx: Transaction, viewer: UUID, part: Part, person_ids: Collection[UUID]
) -> frozenset[UUID]:
    """Those of the people whom `viewer` may see for taking part in a session with them.

    A proctor sees everybody in it, a learner its proctors.
    """
    own, others = members.alias("own"), members.alias("others")
    visible = (
        others.c.part == Part.PROCTOR.value if part is Part.LEARNER else others.c.part.is_not(None)
    )
    found = await tx.execute(
        select(others.c.person_id)
        .where(
            others.c.person_id.in_(person_ids),
            visible,
            exists().where(
                and_(
                    own.c.session_id == others.c.session_id,
                    own.c.person_id == viewer,
                    own.c.part == part.value,
                )
            ),
        )
        .distinct()
    )
    return frozenset(found.scalars())


def person_of(row: Row[*tuple[object, ...]]) -> Person:
    """The person of a row of `table`."""
    return Person(
        person_id=row.person_id,
        legal_name=row.legal_name,
        preferred_name=row.preferred_name,
        email=row.email,
        date_of_birth=row.date_of_birth,
        locale=row.locale,
        time_zone=row.time_zone,
        roles=frozenset(Role(name) for name in row.roles),
        certified_until=row.certified_until,
        disabled_at=row.disabled_at,
        access_version=row.access_version,
    )
