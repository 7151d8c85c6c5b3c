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
from proctorium_enrollment.operations.forgetting import FAILURES_KEPT, SIGN_INS_KEPT
from proctorium_enrollment.storage.tables import failed_entries, sign_ins
from proctorium_enrollment.workers.forgetting import Forgetting

from .enrollment import PASSWORD, Enrollment


async def signed_in(enrollment: Enrollment) -> tuple[str, str]:
    """A person's id, and a refresh token of theirs."""
    person = await enrollment.person(password=PASSWORD)
    request = SignInRequest(email=person.email, password=PASSWORD, stay_signed_in=True)
    answer = await enrollment.anonymous.accounts.SignIn(request)
    return person.person_id, answer.tokens.refresh_token


async def failures_at(enrollment: Enrollment, time: datetime) -> int:
    query = select(failed_entries).where(failed_entries.c.first_at == time)
    return len(await enrollment.rows(query))


async def test_old_failures_are_forgotten(enrollment: Enrollment) -> None:
    then = enrollment.clock.now
    await refusal(
        enrollment.anonymous.accounts.SignIn(
            SignInRequest(email="nobody@example.org", password=PASSWORD)
        )
    )
    forgetting = Forgetting(enrollment.database)
    await forgetting.turn()
    assert await failures_at(enrollment, then) == 2
    enrollment.clock.now += FAILURES_KEPT + timedelta(seconds=1)
    await forgetting.turn()
    assert await failures_at(enrollment, then) == 0


async def test_sign_ins_are_forgotten_long_after_their_end(enrollment: Enrollment) -> None:
    left, left_token = await signed_in(enrollment)
    kept, token = await signed_in(enrollment)
    await enrollment.anonymous.accounts.SignOut(SignOutRequest(refresh_token=left_token))
    forgetting = Forgetting(enrollment.database)

    async def remembered(person_id: str) -> bool:
        query = select(sign_ins).where(sign_ins.c.person_id == UUID(person_id))
        return bool(await enrollment.rows(query))

    await forgetting.turn()
    assert await remembered(left)
    enrollment.clock.move(hours=11)
    await enrollment.anonymous.accounts.RefreshToken(RefreshTokenRequest(refresh_token=token))
    enrollment.clock.now += SIGN_INS_KEPT - timedelta(hours=10)
    await forgetting.turn()
    assert not await remembered(left)
    assert await remembered(kept)
