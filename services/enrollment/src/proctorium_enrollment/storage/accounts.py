"""Credentials, sign-ins and refresh tokens in the database."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.people import Person
from proctorium_enrollment.domain.sign_ins import RefreshToken, SignIn
from proctorium_enrollment.storage import people
from proctorium_enrollment.storage.tables import credentials, refresh_tokens, sign_ins
from proctorium_enrollment.storage.tables import people as table


@dataclass(frozen=True, slots=True)
class Account:
    """A person, and the hash of the person's password or None if there is no password."""

    person: Person
    password_hash: str | None


async def get_account(tx: Transaction, email: str) -> Account | None:
    """Return the account with this normalised e-mail address, or None if there is none."""
    statement = (
        select(table, credentials.c.password_hash)
        .outerjoin(credentials, credentials.c.person_id == table.c.person_id)
        .where(table.c.email == email)
    )
    row = (await tx.execute(statement)).first()
    return None if row is None else Account(people.person_from_row(row), row.password_hash)


async def lock_password_hash(tx: Transaction, person_id: UUID) -> str | None:
    """Lock and return the hash of the person's password, or None if there is no password."""
    rows = await tx.execute(
        select(credentials.c.password_hash)
        .where(credentials.c.person_id == person_id)
        .with_for_update()
    )
    return rows.scalar_one_or_none()


async def upsert_password_hash(tx: Transaction, person_id: UUID, password_hash: str) -> None:
    """Insert or replace the hash of the person's password."""
    new = insert(credentials).values(
        person_id=person_id, password_hash=password_hash, changed_at=tx.now
    )
    await tx.execute(
        new.on_conflict_do_update(
            constraint="pk_credentials",
            set_={
                "password_hash": new.excluded.password_hash,
                "changed_at": new.excluded.changed_at,
            },
        )
    )


async def insert_sign_in(tx: Transaction, sign_in: SignIn) -> None:
    """Insert a sign-in."""
    await tx.execute(
        insert(sign_ins).values(
            sign_in_id=sign_in.sign_in_id,
            person_id=sign_in.person_id,
            created_at=sign_in.created_at,
            stay_signed_in=sign_in.stay_signed_in,
        )
    )


async def lock_sign_in(tx: Transaction, token: str) -> tuple[SignIn, RefreshToken] | None:
    """Lock the sign-in of a refresh token, and return the sign-in and the token. Return None for an unknown token."""
    own = select(refresh_tokens.c.sign_in_id).where(_has_hash_of(token)).scalar_subquery()
    rows = await tx.execute(select(sign_ins).where(sign_ins.c.sign_in_id == own).with_for_update())
    row = rows.first()
    if row is None:
        return None
    # The token is read after the row of the sign-in is locked, because a concurrent transaction may have used the
    # token.
    refresh_token = await get_refresh_token(tx, token)
    assert refresh_token is not None
    sign_in = SignIn(
        row.sign_in_id,
        row.person_id,
        row.created_at,
        is_ended=row.ended_at is not None,
        stay_signed_in=row.stay_signed_in,
    )
    return sign_in, refresh_token


async def get_refresh_token(tx: Transaction, token: str) -> RefreshToken | None:
    """Return the stored state of a refresh token, or None if there is no such token."""
    row = (await tx.execute(select(refresh_tokens).where(_has_hash_of(token)))).first()
    return None if row is None else RefreshToken(row.expires_at, row.used_at)


async def insert_refresh_token(
    tx: Transaction, sign_in_id: UUID, token: str, expires_at: datetime
) -> None:
    """Insert a refresh token of a sign-in."""
    await tx.execute(
        insert(refresh_tokens).values(
            token_hash=_hash(token), sign_in_id=sign_in_id, created_at=tx.now, expires_at=expires_at
        )
    )


async def set_refresh_token_used(tx: Transaction, token: str) -> None:
    """Record that a refresh token was used."""
    await tx.execute(update(refresh_tokens).where(_has_hash_of(token)).values(used_at=tx.now))


async def end_sign_in(tx: Transaction, sign_in_id: UUID) -> None:
    """End a sign-in. Does nothing if the sign-in has already ended."""
    await tx.execute(
        update(sign_ins)
        .where(sign_ins.c.sign_in_id == sign_in_id, sign_ins.c.ended_at.is_(None))
        .values(ended_at=tx.now)
    )


async def end_sign_ins_of_person(tx: Transaction, person_id: UUID) -> None:
    """End all sign-ins of a person."""
    await tx.execute(
        update(sign_ins)
        .where(sign_ins.c.person_id == person_id, sign_ins.c.ended_at.is_(None))
        .values(ended_at=tx.now)
    )


async def delete_expired_sign_ins(tx: Transaction, before: datetime) -> None:
    """Delete the refresh tokens that expired before the time `before`, or whose sign-in ended before that time.

    Then delete the sign-ins that were created before that time and have no tokens left.
    """
    has_ended = exists().where(
        sign_ins.c.sign_in_id == refresh_tokens.c.sign_in_id, sign_ins.c.ended_at < before
    )
    await tx.execute(
        delete(refresh_tokens).where(or_(refresh_tokens.c.expires_at < before, has_ended))
    )
    has_token = exists().where(refresh_tokens.c.sign_in_id == sign_ins.c.sign_in_id)
    await tx.execute(delete(sign_ins).where(~has_token, sign_ins.c.created_at < before))


def _has_hash_of(token: str) -> ColumnElement[bool]:
    return refresh_tokens.c.token_hash == _hash(token)


def _hash(token: str) -> bytes:
    # A fast hash is sufficient, because the token has 256 random bits.
    return hashlib.sha256(token.encode()).digest()
