"""The edge protects people in browsers: other sites' pages cannot use their visitors' cookies, and nothing is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .test_edge import assert_said
from .world import ME, PUBLIC, World, running_edge


@pytest.fixture(scope="module")
async def https(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """An edge whose clients use HTTPS, which a load balancer in front of it terminates."""
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
async def test_json_counts_only_when_it_is_said_to_be_json(
    world: World, content_type: str | None
) -> None:
    world.behind.metadata = {}
    answer = await world.bearing(None).post(PUBLIC, '{"email":"a@b.example"}', content_type)
    assert answer.status_code == 415
    assert_said(answer, 3, "INVALID_REQUEST")
    assert world.behind.metadata == {}


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
async def test_json_may_say_its_encoding(world: World, content_type: str) -> None:
    assert (await world.post(ME, "{}", content_type)).status_code == 200


async def test_refresh_token_and_device_cookie_go_to_the_account_service_alone(
    world: World,
) -> None:
    cookie = f"proctorium_device=d; proctorium_refresh=r; proctorium_token={world.token}"
    await world.json(PUBLIC, cookie=cookie)
    assert world.behind.metadata["cookie"] == "proctorium_refresh=r; proctorium_device=d"
    await world.json(PUBLIC, cookie="a=b; proctorium_device=d")
    assert world.behind.metadata["cookie"] == "proctorium_device=d"
    await world.json("/proctorium.session.v1.SessionService/ListSessions", cookie=cookie)
    assert "cookie" not in world.behind.metadata


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_cookies_that_another_site_sends_along_stop_here(world: World, site: str) -> None:
    await world.json(PUBLIC, cookie="proctorium_refresh=r", **{"sec-fetch-site": site})
    assert "cookie" not in world.behind.metadata
    assert world.behind.metadata["sec-fetch-site"] == site


async def test_with_https_only_cookies_of_this_very_host_count(https: World) -> None:
    token = https.token
    assert (await https.json(ME, cookie=f"__Host-proctorium_token={token}")).status_code == 200
    assert_said(await https.json(ME, cookie=f"proctorium_token={token}"), 16, "TOKEN_MISSING")
    await https.json(PUBLIC, cookie="proctorium_refresh=planted; __Host-proctorium_refresh=r")
    assert https.behind.metadata["cookie"] == "__Host-proctorium_refresh=r"
    await https.json(PUBLIC, cookie="proctorium_device=planted; __Host-proctorium_device=d")
    assert https.behind.metadata["cookie"] == "__Host-proctorium_device=d"


async def test_with_https_browsers_are_told_to_stay_with_it(https: World, world: World) -> None:
    for answer in (
        await https.json(ME),
        await https.bearing(None).json(ME),
        await https.browser.get("/courses"),
    ):
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in (await world.json(ME)).headers


async def test_responses_of_services_and_refusals_are_neither_stored_nor_guessed_at(
    world: World,
) -> None:
    for answer in (
        await world.json(ME),
        await world.web(ME),
        await world.bearing(None).json(ME),
        await world.json("/proctorium.unknown.v1.Service/Method"),
        await world.json(ME, "nonsense"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
