"""Tests of signing in with a password, and of reading the signed-in person."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from proctorium.enrollment.v1.accounts_pb2 import GetMeRequest
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_enrollment.storage.tables import sign_ins

from .harness import OTHER_PASSWORD, PASSWORD, Harness, sign_in


async def test_signing_in_returns_tokens_and_the_person(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    response = await sign_in(harness, person.email.upper())
    assert response.person == person
    expires = response.tokens.access_expire_time.ToDatetime(harness.clock.now.tzinfo)
    assert expires == harness.clock.now + timedelta(minutes=10)
    assert response.tokens.refresh_token


async def test_wrong_password_and_unknown_address_have_the_same_error(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    wrong = await refusal(sign_in(harness, person.email, OTHER_PASSWORD))
    unknown = await refusal(sign_in(harness, "nobody@example.org", OTHER_PASSWORD))
    assert (wrong.kind, wrong.reason) == (Kind.UNAUTHENTICATED, "SIGN_IN_FAILED")
    assert (unknown.kind, unknown.reason, unknown.message) == (
        wrong.kind,
        wrong.reason,
        wrong.message,
    )
    assert await harness.count(sign_ins) == 0


async def test_person_without_a_password_cannot_sign_in(harness: Harness) -> None:
    person = await harness.person()
    assert (await refusal(sign_in(harness, person.email))).reason == "SIGN_IN_FAILED"


async def test_get_me_returns_the_signed_in_person(harness: Harness) -> None:
    person = await harness.person()
    response = await harness.learner(person.person_id).accounts.GetMe(GetMeRequest())
    assert response.person == person


async def test_get_me_needs_a_person(harness: Harness) -> None:
    anonymous = await refusal(harness.anonymous.accounts.GetMe(GetMeRequest()))
    assert anonymous.reason == "TOKEN_MISSING"
    unknown = await refusal(harness.client(new_id(), "learner").accounts.GetMe(GetMeRequest()))
    assert unknown.reason == "NOT_FOUND"


async def test_expired_token_is_refused(harness: Harness) -> None:
    person = await harness.person()
    bearer = (("authorization", f"Bearer {harness.token(UUID(person.person_id), 'learner')}"),)
    accounts = harness.anonymous.accounts
    await accounts.GetMe(GetMeRequest(), metadata=bearer)
    harness.clock.move(hours=1)
    error = await refusal(accounts.GetMe(GetMeRequest(), metadata=bearer))
    assert error.reason == "TOKEN_EXPIRED"
