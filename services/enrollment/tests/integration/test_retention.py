"""Tests of the deletion of failed sign-ins, failed code entries and sign-ins after their retention periods."""

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

from .harness import PASSWORD, Harness


async def signed_in(harness: Harness) -> tuple[str, str]:
    """Sign a new person in, and return their ID and their refresh token."""
    person = await harness.person(password=PASSWORD)
    request = SignInRequest(email=person.email, password=PASSWORD, stay_signed_in=True)
    response = await harness.anonymous.accounts.SignIn(request)
    return person.person_id, response.tokens.refresh_token


async def failures_at(harness: Harness, time: datetime) -> int:
    query = select(failed_entries).where(failed_entries.c.first_at == time)
    return len(await harness.rows(query))


async def test_old_failures_are_deleted(harness: Harness) -> None:
    then = harness.clock.now
    await refusal(
        harness.anonymous.accounts.SignIn(
            SignInRequest(email="nobody@example.org", password=PASSWORD)
        )
    )
    await purge(harness.database)
    assert await failures_at(harness, then) == 2
    harness.clock.now += FAILURES_RETENTION + timedelta(seconds=1)
    await purge(harness.database)
    assert await failures_at(harness, then) == 0


async def test_sign_ins_are_deleted_after_their_retention(harness: Harness) -> None:
    ended, ended_token = await signed_in(harness)
    active, token = await signed_in(harness)
    await harness.anonymous.accounts.SignOut(SignOutRequest(refresh_token=ended_token))

    async def is_stored(person_id: str) -> bool:
        query = select(sign_ins).where(sign_ins.c.person_id == UUID(person_id))
        return bool(await harness.rows(query))

    await purge(harness.database)
    assert await is_stored(ended)
    harness.clock.move(hours=11)
    await harness.anonymous.accounts.RefreshToken(RefreshTokenRequest(refresh_token=token))
    harness.clock.now += SIGN_INS_RETENTION - timedelta(hours=10)
    await purge(harness.database)
    assert not await is_stored(ended)
    assert await is_stored(active)
