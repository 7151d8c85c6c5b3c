"""Signing out, here and everywhere."""

from __future__ import annotations

from proctorium.enrollment.events.v1.events_pb2 import PersonSignedOut
from proctorium.enrollment.v1.accounts_pb2 import (
    GetMeRequest,
    SignOutEverywhereRequest,
    SignOutRequest,
)
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .enrollment import PASSWORD, Enrollment, eventually_refused, refresh, sign_in


async def test_signing_out_twice_succeeds(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    token = (await sign_in(enrollment, person.email)).tokens.refresh_token
    for _ in range(2):
        await enrollment.anonymous.accounts.SignOut(SignOutRequest(refresh_token=token))
    assert (await refusal(refresh(enrollment, token))).reason == "REFRESH_TOKEN_INVALID"
    await enrollment.anonymous.accounts.SignOut(SignOutRequest())


async def test_person_signs_out_everywhere(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    tokens = [
        (await sign_in(enrollment, person.email, stay_signed_in=stays)).tokens.refresh_token
        for stays in (False, True)
    ]
    other = await enrollment.person(password=PASSWORD)
    others_token = (await sign_in(enrollment, other.email)).tokens.refresh_token
    accounts = enrollment.learner(person.person_id).accounts
    await accounts.GetMe(GetMeRequest())
    await accounts.SignOutEverywhere(SignOutEverywhereRequest())
    ended = await eventually_refused(lambda: accounts.GetMe(GetMeRequest()))
    assert ended.reason == "TOKEN_INVALID"
    for token in tokens:
        assert (await refusal(refresh(enrollment, token))).reason == "REFRESH_TOKEN_INVALID"
    (told,) = await enrollment.events(PersonSignedOut)
    assert (told.person_id, told.access_version) == (person.person_id, 1)
    assert await refresh(enrollment, others_token)
    # The password stays, and what is signed from now on is accepted.
    assert await refresh(enrollment, (await sign_in(enrollment, person.email)).tokens.refresh_token)


async def test_repeated_sign_out_by_an_administrator_ends_no_newer_sign_in(
    enrollment: Enrollment,
) -> None:
    person = await enrollment.person(password=PASSWORD)
    token = (await sign_in(enrollment, person.email)).tokens.refresh_token
    request = SignOutEverywhereRequest(request_id=str(new_id()), person_id=person.person_id)
    await enrollment.administrator.accounts.SignOutEverywhere(request)
    assert (await refusal(refresh(enrollment, token))).reason == "REFRESH_TOKEN_INVALID"
    newer = (await sign_in(enrollment, person.email)).tokens.refresh_token
    await enrollment.administrator.accounts.SignOutEverywhere(request)
    assert await refresh(enrollment, newer)
    assert len(await enrollment.events(PersonSignedOut)) == 1


async def test_only_administrators_sign_others_out(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    token = (await sign_in(enrollment, person.email)).tokens.refresh_token
    other = enrollment.client(new_id(), "learner", "proctor").accounts
    request = SignOutEverywhereRequest(person_id=person.person_id)
    assert (await refusal(other.SignOutEverywhere(request))).reason == "NOT_FOUND"
    unknown = SignOutEverywhereRequest(person_id=str(new_id()))
    gone = await refusal(enrollment.administrator.accounts.SignOutEverywhere(unknown))
    assert gone.reason == "NOT_FOUND"
    wrong = SignOutEverywhereRequest(person_id="nobody")
    malformed = await refusal(enrollment.administrator.accounts.SignOutEverywhere(wrong))
    assert malformed.reason == "INVALID_REQUEST"
    assert [each.field for each in malformed.violations] == ["person_id"]
    assert await refresh(enrollment, token)
