"""The edge protects browsers: other sites cannot use a person's cookies, and responses are not cached."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .test_edge import assert_json_error
from .world import ME, PUBLIC, World, running_edge


@pytest.fixture(scope="module")
async def https(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """An edge behind a load balancer that terminates HTTPS."""
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
    world: World, content_type: str | None
) -> None:
    world.upstreams.metadata = {}
    response = await world.with_token(None).post(PUBLIC, '{"email":"a@b.example"}', content_type)
    assert response.status_code == 415
    assert_json_error(response, 3, "INVALID_REQUEST")
    assert world.upstreams.metadata == {}


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
async def test_json_content_type_may_have_a_charset(world: World, content_type: str) -> None:
    assert (await world.post(ME, "{}", content_type)).status_code == 200


async def test_refresh_token_and_device_cookie_reach_only_the_account_service(
    world: World,
) -> None:
    cookie = f"proctorium_device=d; proctorium_refresh=r; proctorium_token={world.token}"
    await world.json(PUBLIC, cookie=cookie)
    assert world.upstreams.metadata["cookie"] == "proctorium_refresh=r; proctorium_device=d"
    await world.json(PUBLIC, cookie="a=b; proctorium_device=d")
    assert world.upstreams.metadata["cookie"] == "proctorium_device=d"
    await world.json("/proctorium.session.v1.SessionService/ListSessions", cookie=cookie)
    assert "cookie" not in world.upstreams.metadata


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_cookies_of_requests_from_other_sites_are_removed(world: World, site: str) -> None:
    await world.json(PUBLIC, cookie="proctorium_refresh=r", **{"sec-fetch-site": site})
    assert "cookie" not in world.upstreams.metadata
    assert world.upstreams.metadata["sec-fetch-site"] == site


async def test_only_host_cookies_are_used_with_https(https: World) -> None:
    token = https.token
    assert (await https.json(ME, cookie=f"__Host-proctorium_token={token}")).status_code == 200
    assert_json_error(await https.json(ME, cookie=f"proctorium_token={token}"), 16, "TOKEN_MISSING")
    await https.json(PUBLIC, cookie="proctorium_refresh=planted; __Host-proctorium_refresh=r")
    assert https.upstreams.metadata["cookie"] == "__Host-proctorium_refresh=r"
    await https.json(PUBLIC, cookie="proctorium_device=planted; __Host-proctorium_device=d")
    assert https.upstreams.metadata["cookie"] == "__Host-proctorium_device=d"


async def test_responses_over_https_have_hsts(https: World, world: World) -> None:
    for response in (
        await https.json(ME),
        await https.with_token(None).json(ME),
        await https.http.get("/courses"),
    ):
        assert response.headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in (await world.json(ME)).headers


async def test_responses_have_no_store_and_nosniff(
    world: World,
) -> None:
    for response in (
        await world.json(ME),
        await world.web(ME),
        await world.with_token(None).json(ME),
        await world.json("/proctorium.unknown.v1.Service/Method"),
        await world.json(ME, "nonsense"),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
