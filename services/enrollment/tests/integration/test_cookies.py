"""Tests of tokens in cookies, and the refusal of calls from pages of other sites."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from proctorium.enrollment.v1.accounts_pb2 import (
    RefreshTokenRequest,
    SignInRequest,
    SignOutEverywhereRequest,
    SignOutRequest,
)
from proctorium_common.rpc.status import error_of

from .harness import PASSWORD, Harness, refresh, sign_in


async def cookies_of(call: Any) -> list[str]:
    metadata = await call.initial_metadata()
    await call
    return [value for key, value in metadata if key == "set-cookie"]


async def test_browser_gets_cookies_that_scripts_cannot_read(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    request = SignInRequest(email=person.email, password=PASSWORD)
    cookies = await cookies_of(harness.anonymous.accounts.SignIn(request))
    access, refreshing, device = cookies
    assert access.startswith("__Host-proctorium_token=ey")
    assert refreshing.startswith("__Host-proctorium_refresh=")
    assert device.startswith("__Host-proctorium_device=")
    assert "; Expires=" in device
    assert person.email not in device
    for cookie in cookies:
        assert "; Path=/;" in cookie
        assert cookie.endswith("; Secure; HttpOnly; SameSite=Strict")


@pytest.mark.parametrize("stay_signed_in", [False, True], ids=["browser-session", "longer"])
async def test_browser_stores_cookies_only_if_the_person_stays_signed_in(
    harness: Harness, stay_signed_in: bool
) -> None:
    person = await harness.person(password=PASSWORD)
    accounts = harness.anonymous.accounts
    request = SignInRequest(email=person.email, password=PASSWORD, stay_signed_in=stay_signed_in)
    first = await cookies_of(accounts.SignIn(request))
    stored = (("cookie", first[1].partition(";")[0]),)
    renewed = await cookies_of(accounts.RefreshToken(RefreshTokenRequest(), metadata=stored))
    # The browser uses the same cookie again, because the first response was lost.
    repeated = await cookies_of(accounts.RefreshToken(RefreshTokenRequest(), metadata=stored))
    # Only a sign-in returns the device cookie. Closing the browser does not delete the device cookie.
    assert len(renewed) == len(repeated) == 2
    for cookie in (*first[:2], *renewed, *repeated):
        assert ("; Expires=" in cookie) is stay_signed_in
        assert "Max-Age" not in cookie


async def test_browser_refreshes_and_signs_out_by_its_cookie(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    accounts = harness.anonymous.accounts
    request = SignInRequest(email=person.email, password=PASSWORD)
    _, cookie, _ = await cookies_of(accounts.SignIn(request))
    stored = (("cookie", f"a=b; {cookie.partition(';')[0]}"),)
    _, cookie = await cookies_of(accounts.RefreshToken(RefreshTokenRequest(), metadata=stored))
    stored = (("cookie", cookie.partition(";")[0]),)
    cleared = await cookies_of(accounts.SignOut(SignOutRequest(), metadata=stored))
    assert [text.partition(";")[0] for text in cleared] == [
        "__Host-proctorium_token=",
        "__Host-proctorium_refresh=",
    ]
    assert all("1970" in text for text in cleared)
    with pytest.raises(grpc.aio.AioRpcError) as gone:
        await accounts.RefreshToken(RefreshTokenRequest(), metadata=stored)
    assert error_of(gone.value).reason == "REFRESH_TOKEN_INVALID"


async def test_page_gets_tokens_only_as_cookies(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    accounts = harness.anonymous.accounts
    page = (("sec-fetch-site", "same-origin"), ("origin", "https://proctorium.example"))
    call = accounts.SignIn(SignInRequest(email=person.email, password=PASSWORD), metadata=page)
    _, cookie, _ = await cookies_of(call)
    signed_in = await call
    assert signed_in.person == person
    stored = (*page, ("cookie", cookie.partition(";")[0]))
    renewed = await accounts.RefreshToken(RefreshTokenRequest(), metadata=stored)
    for tokens in (signed_in.tokens, renewed.tokens):
        assert (tokens.access_token, tokens.refresh_token) == ("", "")
        assert tokens.access_expire_time.seconds
        assert tokens.refresh_expire_time.seconds


async def test_page_of_another_site_can_neither_sign_in_nor_out(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    accounts = harness.anonymous.accounts
    tokens = (await sign_in(harness, person.email)).tokens
    other_site = (("sec-fetch-site", "cross-site"),)
    for call in (
        accounts.SignIn(SignInRequest(email=person.email, password=PASSWORD), metadata=other_site),
        accounts.RefreshToken(
            RefreshTokenRequest(refresh_token=tokens.refresh_token), metadata=other_site
        ),
        accounts.SignOut(SignOutRequest(refresh_token=tokens.refresh_token), metadata=other_site),
        harness.learner(person.person_id).accounts.SignOutEverywhere(
            SignOutEverywhereRequest(), metadata=other_site
        ),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert error_of(refused.value).reason == "CROSS_SITE_REQUEST"
        headers = [key for key, _ in await call.initial_metadata()]
        assert "set-cookie" not in headers
    await refresh(harness, tokens.refresh_token)
