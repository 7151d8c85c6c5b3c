"""Tests of signing out of one sign-in and of all sign-ins."""

from __future__ import annotations

from proctorium.enrollment.events.v1.events_pb2 import PersonSignedOut
from proctorium.enrollment.v1.accounts_pb2 import (
    GetMeRequest,
    SignOutEverywhereRequest,
    SignOutRequest,
)
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .harness import PASSWORD, Harness, refresh, sign_in, until_refused


async def test_signing_out_twice_succeeds(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    token = (await sign_in(harness, person.email)).tokens.refresh_token
    for _ in range(2):
        await harness.anonymous.accounts.SignOut(SignOutRequest(refresh_token=token))
    assert (await refusal(refresh(harness, token))).reason == "REFRESH_TOKEN_INVALID"
    await harness.anonymous.accounts.SignOut(SignOutRequest())


async def test_person_signs_out_everywhere(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    tokens = [
        (await sign_in(harness, person.email, stay_signed_in=stays)).tokens.refresh_token
        for stays in (False, True)
    ]
    other = await harness.person(password=PASSWORD)
    others_token = (await sign_in(harness, other.email)).tokens.refresh_token
    accounts = harness.learner(person.person_id).accounts
    await accounts.GetMe(GetMeRequest())
    await accounts.SignOutEverywhere(SignOutEverywhereRequest())
    ended = await until_refused(lambda: accounts.GetMe(GetMeRequest()))
    assert ended.reason == "TOKEN_INVALID"
    for token in tokens:
        assert (await refusal(refresh(harness, token))).reason == "REFRESH_TOKEN_INVALID"
    (event,) = await harness.events(PersonSignedOut)
    assert (event.person_id, event.access_version) == (person.person_id, 1)
    assert await refresh(harness, others_token)
    # The person can sign in again and use the new tokens.
    assert await refresh(harness, (await sign_in(harness, person.email)).tokens.refresh_token)


async def test_repeated_sign_out_by_an_administrator_ends_no_newer_sign_in(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    token = (await sign_in(harness, person.email)).tokens.refresh_token
    request = SignOutEverywhereRequest(request_id=str(new_id()), person_id=person.person_id)
    await harness.administrator.accounts.SignOutEverywhere(request)
    assert (await refusal(refresh(harness, token))).reason == "REFRESH_TOKEN_INVALID"
    newer = (await sign_in(harness, person.email)).tokens.refresh_token
    await harness.administrator.accounts.SignOutEverywhere(request)
    assert await refresh(harness, newer)
    assert len(await harness.events(PersonSignedOut)) == 1


async def test_only_administrators_sign_others_out(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    token = (await sign_in(harness, person.email)).tokens.refresh_token
    other = harness.client(new_id(), "learner", "proctor").accounts
    request = SignOutEverywhereRequest(person_id=person.person_id)
    assert (await refusal(other.SignOutEverywhere(request))).reason == "NOT_FOUND"
    unknown = SignOutEverywhereRequest(person_id=str(new_id()))
    gone = await refusal(harness.administrator.accounts.SignOutEverywhere(unknown))
    assert gone.reason == "NOT_FOUND"
    invalid = SignOutEverywhereRequest(person_id="nobody")
    malformed = await refusal(harness.administrator.accounts.SignOutEverywhere(invalid))
    assert malformed.reason == "INVALID_REQUEST"
    assert [each.field for each in malformed.violations] == ["person_id"]
    assert await refresh(harness, token)
