"""People in the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Row, and_, exists, func, literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.people import Person, Role
from proctorium_enrollment.domain.sessions import MemberRole
from proctorium_enrollment.storage.tables import people as table
from proctorium_enrollment.storage.tables import session_members as members


async def insert_person(tx: Transaction, person: Person) -> bool:
    """Insert a person. Return False if another person has the e-mail address."""
    new = insert(table).values(
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
    rows = await tx.execute(
        new.on_conflict_do_nothing(constraint="uq_people_email").returning(table.c.person_id)
    )
    return rows.first() is not None


async def get_person(tx: Transaction, person_id: UUID) -> Person | None:
    """Return a person, or None if there is no such person."""
    row = (await tx.execute(select(table).where(table.c.person_id == person_id))).first()
    return None if row is None else person_from_row(row)


async def lock_person(tx: Transaction, person_id: UUID) -> Person | None:
    """Lock and return a person, or None if there is no such person."""
    rows = await tx.execute(
        select(table).where(table.c.person_id == person_id).with_for_update(key_share=True)
    )
    row = rows.first()
    return None if row is None else person_from_row(row)


async def list_people_by_ids(tx: Transaction, person_ids: Collection[UUID]) -> Sequence[Person]:
    """Return the people with these IDs. Unknown IDs are omitted."""
    rows = await tx.execute(select(table).where(table.c.person_id.in_(person_ids)))
    return [person_from_row(row) for row in rows]


async def list_existing_ids(tx: Transaction, person_ids: Collection[UUID]) -> frozenset[UUID]:
    """Return the given IDs that belong to people."""
    statement = select(table.c.person_id).where(table.c.person_id.in_(person_ids))
    return frozenset((await tx.execute(statement)).scalars())


async def list_people(
    tx: Transaction, after: tuple[str, UUID] | None, limit: int
) -> Sequence[Person]:
    """Return at most `limit` people, ordered by legal name and ID.

    If `after` is not None, the list starts after the person with this name and ID.
    """
    statement = select(table).order_by(table.c.legal_name, table.c.person_id).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(table.c.legal_name, table.c.person_id) > after)
    return [person_from_row(row) for row in await tx.execute(statement)]


async def update_rights(tx: Transaction, person: Person) -> None:
    """Update the person's roles, certification, account state and access version."""
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
    """Lock the set of administrators until the transaction ends. A trigger on `people` acquires the same lock."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('administrators', 0))"))


async def count_other_administrators(tx: Transaction, person_id: UUID) -> int:
    """Return the number of administrators with enabled accounts, without counting this person."""
    statement = (
        select(func.count())
        .select_from(table)
        .where(
            literal(Role.ADMINISTRATOR.value) == func.any(table.c.roles),
            table.c.disabled_at.is_(None),
            table.c.person_id != person_id,
        )
    )
    return int((await tx.execute(statement)).scalar_one())


async def list_administrator_ids(tx: Transaction, after: UUID | None, limit: int) -> Sequence[UUID]:
    """Return the IDs of at most `limit` administrators with enabled accounts, in ascending order.

    If `after` is not None, the list starts after this ID.
    """
    statement = (
        select(table.c.person_id)
        .where(
            literal(Role.ADMINISTRATOR.value) == func.any(table.c.roles),
            table.c.disabled_at.is_(None),
        )
        .order_by(table.c.person_id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(table.c.person_id > after)
    return (await tx.execute(statement)).scalars().all()


async def list_ids_visible_in_sessions(
    tx: Transaction, viewer_id: UUID, role: MemberRole, person_ids: Collection[UUID]
) -> frozenset[UUID]:
    """Return the IDs of the people whom the viewer may see in sessions.

    `role` is the viewer's role in these sessions. A proctor may see all members of a session. A learner may see only
    the proctors.
    """
    own, others = members.alias("own"), members.alias("others")
    visible = (
        others.c.role == MemberRole.PROCTOR
        if role is MemberRole.LEARNER
        else others.c.role.is_not(None)
    )
    rows = await tx.execute(
        select(others.c.person_id)
        .where(
            others.c.person_id.in_(person_ids),
            visible,
            exists().where(
                and_(
                    own.c.session_id == others.c.session_id,
                    own.c.person_id == viewer_id,
                    own.c.role == role,
                )
            ),
        )
        .distinct()
    )
    return frozenset(rows.scalars())


async def list_ids_of_learners(
    tx: Transaction, proctor_id: UUID, person_ids: Collection[UUID]
) -> frozenset[UUID]:
    """Return the IDs of the people who are learners of a session of the proctor."""
    own, learners = members.alias("own"), members.alias("learners")
    rows = await tx.execute(
        select(learners.c.person_id)
        .join(own, own.c.session_id == learners.c.session_id)
        .where(
            learners.c.person_id.in_(person_ids),
            learners.c.role == MemberRole.LEARNER,
            own.c.person_id == proctor_id,
            own.c.role == MemberRole.PROCTOR,
        )
        .distinct()
    )
    return frozenset(rows.scalars())


def person_from_row(row: Row[*tuple[object, ...]]) -> Person:
    """Return the person from a row of `people`."""
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
