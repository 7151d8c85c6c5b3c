"""Tests of refresh tokens. Each use of a token returns the next token, until a token is reused or expires."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update

from proctorium.enrollment.v1.accounts_pb2 import RefreshTokenRequest, SignOutRequest
from proctorium_common.errors import Kind
from proctorium_devstack.testing.refusals import refusal
from proctorium_enrollment.domain.sign_ins import SIGN_IN_LIFETIME
from proctorium_enrollment.storage.tables import people, refresh_tokens, sign_ins

from .harness import PASSWORD, Harness, refresh, sign_in


async def test_refresh_token_works_once_and_returns_the_next(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    token = (await sign_in(harness, person.email)).tokens.refresh_token
    tokens = [token]
    for _ in range(3):
        tokens.append(await refresh(harness, tokens[-1]))
    assert len(set(tokens)) == 4
    stored = await harness.rows(select(refresh_tokens.c.token_hash))
    assert all(text.encode() not in row.token_hash for text in tokens for row in stored)


async def test_token_that_is_used_twice_ends_the_sign_in(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    first = (await sign_in(harness, person.email)).tokens.refresh_token
    elsewhere = (await sign_in(harness, person.email)).tokens.refresh_token
    second = await refresh(harness, first)
    harness.clock.move(seconds=30)
    reused = await refusal(refresh(harness, first))
    assert (reused.kind, reused.reason) == (Kind.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID")
    assert (await refusal(refresh(harness, second))).reason == "REFRESH_TOKEN_INVALID"
    # The reuse did not end the person's sign-in on the other device.
    assert await refresh(harness, elsewhere)


async def test_repeated_refresh_within_the_grace_period_returns_the_same_token(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    first = (await sign_in(harness, person.email)).tokens.refresh_token
    lost = await refresh(harness, first)
    harness.clock.move(seconds=29)
    repeated = await harness.anonymous.accounts.RefreshToken(
        RefreshTokenRequest(refresh_token=first)
    )
    assert repeated.tokens.refresh_token == lost
    assert person.person_id in claims_of(repeated.tokens.access_token)
    assert await harness.count(sign_ins) == 1
    harness.clock.move(minutes=30)
    assert await refresh(harness, lost) != lost


async def test_two_concurrent_refreshes_return_the_same_token(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    first = (await sign_in(harness, person.email)).tokens.refresh_token
    tokens = await asyncio.gather(*(refresh(harness, first) for _ in range(8)))
    assert len(set(tokens)) == 1
    assert await refresh(harness, tokens[0])


async def test_repeated_refresh_returns_the_newest_token(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    first = (await sign_in(harness, person.email)).tokens.refresh_token
    second = await refresh(harness, first)
    third = await refresh(harness, second)
    assert await refresh(harness, first) == third
    # A repeated refresh returns the same token, so there is only one chain of tokens. The reuse of a token therefore
    # still reveals a theft.
    harness.clock.move(minutes=9)
    fourth = await refresh(harness, third)
    harness.clock.move(minutes=9)
    assert (await refusal(refresh(harness, third))).reason == "REFRESH_TOKEN_INVALID"
    assert (await refusal(refresh(harness, fourth))).reason == "REFRESH_TOKEN_INVALID"


async def test_expired_token_is_not_returned_again(harness: Harness) -> None:
    """The newest token expires at the maximum age of the sign-in, which is before the end of the grace period."""
    person = await harness.person(password=PASSWORD)
    first = (await sign_in(harness, person.email)).tokens.refresh_token
    signed_in = harness.clock.now - SIGN_IN_LIFETIME + timedelta(seconds=10)
    async with harness.database.transaction() as tx:
        of_person = update(sign_ins).where(sign_ins.c.person_id == UUID(person.person_id))
        await tx.execute(of_person.values(created_at=signed_in))
    second = await refresh(harness, first)
    assert await refresh(harness, first) == second
    harness.clock.move(seconds=10)
    assert (await refusal(refresh(harness, first))).reason == "REFRESH_TOKEN_INVALID"


async def test_ended_sign_in_has_no_grace_period(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    first = (await sign_in(harness, person.email)).tokens.refresh_token
    second = await refresh(harness, first)
    await harness.anonymous.accounts.SignOut(SignOutRequest(refresh_token=second))
    assert (await refusal(refresh(harness, first))).reason == "REFRESH_TOKEN_INVALID"


async def test_unknown_or_old_token_is_refused(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    token = (await sign_in(harness, person.email, stay_signed_in=True)).tokens.refresh_token
    assert (await refusal(refresh(harness, "nonsense"))).reason == "REFRESH_TOKEN_INVALID"
    assert (await refusal(refresh(harness, ""))).reason == "REFRESH_TOKEN_INVALID"
    harness.clock.move(hours=12)
    assert (await refusal(refresh(harness, token))).reason == "REFRESH_TOKEN_INVALID"


async def test_sign_in_for_the_browser_session_ends_when_idle(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    token = (await sign_in(harness, person.email)).tokens.refresh_token
    # The learner refreshes the tokens during an exam of three hours, and is offline for the last forty minutes.
    for minutes in [10] * 15 + [40]:
        harness.clock.move(minutes=minutes)
        token = await refresh(harness, token)
    harness.clock.move(minutes=59, seconds=59)
    token = await refresh(harness, token)
    harness.clock.move(hours=1)
    assert (await refusal(refresh(harness, token))).reason == "REFRESH_TOKEN_INVALID"


async def test_person_who_stays_signed_in_may_be_idle_for_hours(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    token = (await sign_in(harness, person.email, stay_signed_in=True)).tokens.refresh_token
    for _ in range(3):
        harness.clock.move(hours=11, minutes=59)
        token = await refresh(harness, token)


async def test_new_tokens_have_the_current_roles(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    signed_in = await sign_in(harness, person.email)
    async with harness.database.transaction() as tx:
        await tx.execute(
            update(people)
            .where(people.c.person_id == person.person_id)
            .values(roles=["learner", "proctor"])
        )
    response = await harness.anonymous.accounts.RefreshToken(
        RefreshTokenRequest(refresh_token=signed_in.tokens.refresh_token)
    )
    assert '"roles":["learner","proctor"]' in claims_of(response.tokens.access_token)


def claims_of(token: str) -> str:
    body = token.split(".")[1]
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
