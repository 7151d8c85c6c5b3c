"""Tests that other sites cannot use a person's cookies, and that browsers do not cache responses."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .harness import ME, PUBLIC, Harness, running_edge
from .test_edge import assert_json_error


@pytest.fixture(scope="module")
async def https(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Harness]:
    """Run an edge with the setting for a load balancer that terminates HTTPS in front of the edge."""
    async with running_edge(tmp_path_factory.mktemp("https"), https=True) as running:
        yield running


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonp",
        None,
    ],
)
async def test_json_with_another_content_type_is_refused(
    harness: Harness, content_type: str | None
) -> None:
    harness.upstreams.metadata = {}
    response = await harness.with_token(None).post(PUBLIC, '{"email":"a@b.example"}', content_type)
    assert response.status_code == 415
    assert_json_error(response, 3, "INVALID_REQUEST")
    assert harness.upstreams.metadata == {}


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
async def test_json_content_type_may_have_a_charset(harness: Harness, content_type: str) -> None:
    assert (await harness.post(ME, "{}", content_type)).status_code == 200


async def test_refresh_token_and_device_cookie_reach_only_the_account_service(
    harness: Harness,
) -> None:
    cookie = f"proctorium_device=d; proctorium_refresh=r; proctorium_token={harness.token}"
    await harness.json(PUBLIC, cookie=cookie)
    assert harness.upstreams.metadata["cookie"] == "proctorium_refresh=r; proctorium_device=d"
    await harness.json(PUBLIC, cookie="a=b; proctorium_device=d")
    assert harness.upstreams.metadata["cookie"] == "proctorium_device=d"
    await harness.json("/proctorium.session.v1.SessionService/ListSessions", cookie=cookie)
    assert "cookie" not in harness.upstreams.metadata


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_cookies_of_requests_from_other_sites_are_removed(
    harness: Harness, site: str
) -> None:
    await harness.json(PUBLIC, cookie="proctorium_refresh=r", **{"sec-fetch-site": site})
    assert "cookie" not in harness.upstreams.metadata
    assert harness.upstreams.metadata["sec-fetch-site"] == site


async def test_only_host_cookies_are_used_with_https(https: Harness) -> None:
    token = https.token
    assert (await https.json(ME, cookie=f"__Host-proctorium_token={token}")).status_code == 200
    assert_json_error(await https.json(ME, cookie=f"proctorium_token={token}"), 16, "TOKEN_MISSING")
    await https.json(PUBLIC, cookie="proctorium_refresh=planted; __Host-proctorium_refresh=r")
    assert https.upstreams.metadata["cookie"] == "__Host-proctorium_refresh=r"
    await https.json(PUBLIC, cookie="proctorium_device=planted; __Host-proctorium_device=d")
    assert https.upstreams.metadata["cookie"] == "__Host-proctorium_device=d"


async def test_responses_over_https_have_hsts(https: Harness, harness: Harness) -> None:
    for response in (
        await https.json(ME),
        await https.with_token(None).json(ME),
        await https.http.get("/courses"),
    ):
        assert response.headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in (await harness.json(ME)).headers


async def test_responses_have_no_store_and_nosniff(
    harness: Harness,
) -> None:
    for response in (
        await harness.json(ME),
        await harness.web(ME),
        await harness.with_token(None).json(ME),
        await harness.json("/proctorium.unknown.v1.Service/Method"),
        await harness.json(ME, "nonsense"),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
