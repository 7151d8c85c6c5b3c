"""The deletion of expired failures and sign-ins."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from proctorium.enrollment.v1.accounts_pb2 import (
    RefreshTokenRequest,
    SignInRequest,
    SignOutRequest,
)
from proctorium_devstack.testing.refusals import refusal
from proctorium_enrollment.operations.retention import (
    FAILURES_RETENTION,
    SIGN_INS_RETENTION,
    purge,
)
from proctorium_enrollment.storage.tables import failed_entries, sign_ins

from .enrollment import PASSWORD, Enrollment


async def signed_in(enrollment: Enrollment) -> tuple[str, str]:
    """Sign a new person in; return their ID and their refresh token."""
    person = await enrollment.person(password=PASSWORD)
    request = SignInRequest(email=person.email, password=PASSWORD, stay_signed_in=True)
    answer = await enrollment.anonymous.accounts.SignIn(request)
    return person.person_id, answer.tokens.refresh_token


async def failures_at(enrollment: Enrollment, time: datetime) -> int:
    query = select(failed_entries).where(failed_entries.c.first_at == time)
    return len(await enrollment.rows(query))


async def test_old_failures_are_deleted(enrollment: Enrollment) -> None:
    then = enrollment.clock.now
    await refusal(
        enrollment.anonymous.accounts.SignIn(
            SignInRequest(email="nobody@example.org", password=PASSWORD)
        )
    )
    await purge(enrollment.database)
    assert await failures_at(enrollment, then) == 2
    enrollment.clock.now += FAILURES_RETENTION + timedelta(seconds=1)
    await purge(enrollment.database)
    assert await failures_at(enrollment, then) == 0


async def test_sign_ins_are_deleted_after_their_retention(enrollment: Enrollment) -> None:
    ended, ended_token = await signed_in(enrollment)
    active, token = await signed_in(enrollment)
    await enrollment.anonymous.accounts.SignOut(SignOutRequest(refresh_token=ended_token))

    async def is_stored(person_id: str) -> bool:
        query = select(sign_ins).where(sign_ins.c.person_id == UUID(person_id))
        return bool(await enrollment.rows(query))

    await purge(enrollment.database)
    assert await is_stored(ended)
    enrollment.clock.move(hours=11)
    await enrollment.anonymous.accounts.RefreshToken(RefreshTokenRequest(refresh_token=token))
    enrollment.clock.now += SIGN_INS_RETENTION - timedelta(hours=10)
    await purge(enrollment.database)
    assert not await is_stored(ended)
    assert await is_stored(active)
