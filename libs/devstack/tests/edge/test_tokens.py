"""The edge checks tokens: which callers reach a service, and how the others are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from proctorium_common.rpc.access import rules
from proctorium_common.rpc.status import error_of
from proctorium_common.security.keys import SigningKey
from proctorium_common.security.tokens import TokenSigner

from .test_edge import assert_said, assert_said_to_web
from .world import (
    EVIDENCE,
    KEY,
    ME,
    PERSON,
    PUBLIC,
    SERVICES,
    WATCH,
    World,
    check_tokens,
    running_edge,
)

OTHER = SigningKey(b"o" * 32)


def signed(
    key: SigningKey = KEY, *, ago: timedelta = timedelta(), audience: str = "proctorium"
) -> str:
    """A token that was issued some time ago."""
    signer = TokenSigner(key, audience=audience, clock=lambda: datetime.now(UTC) - ago)
    return signer.sign(PERSON, ["learner"]).text


# Created when a test runs, so that expiry does not depend on when the tests were collected.
BAD: dict[str, tuple[Callable[[], str | None], str]] = {
    "missing": (lambda: None, "TOKEN_MISSING"),
    "expired": (lambda: signed(ago=timedelta(hours=1)), "TOKEN_EXPIRED"),
    "nonsense": (lambda: "nonsense", "TOKEN_INVALID"),
    "another-signature": (lambda: signed()[:-8] + "AAAAAAAA", "TOKEN_INVALID"),
    "another-key": (lambda: signed(OTHER), "TOKEN_INVALID"),
    "another-audience": (lambda: signed(audience="another"), "TOKEN_INVALID"),
}


@pytest.mark.parametrize(("token", "reason"), BAD.values(), ids=BAD.keys())
async def test_a_call_without_a_good_token_is_refused_at_the_edge_as_services_refuse_it(
    world: World, token: Callable[[], str | None], reason: str
) -> None:
    caller = world.bearing(token())
    world.behind.metadata = {}
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await caller.call(ME)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert error_of(refused.value).reason == reason
    script = await caller.json(ME)
    assert script.status_code == 401
    assert_said(script, 16, reason)
    assert_said_to_web(await caller.web(ME), 16, reason)
    assert world.behind.metadata == {}


@pytest.mark.parametrize("token", [token for token, _ in BAD.values()], ids=BAD.keys())
async def test_a_public_method_is_reached_with_any_token_and_with_none(
    world: World, token: Callable[[], str | None]
) -> None:
    caller = world.bearing(token())
    await caller.call(PUBLIC)
    assert (await caller.json(PUBLIC)).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_may_be_written_in_any_case(world: World, scheme: str) -> None:
    await world.call(ME, b"", ("authorization", f"{scheme} {signed()}"))


async def test_a_cookie_is_checked_as_a_token(world: World) -> None:
    good, bad = signed(), signed(OTHER)
    assert (await world.json(ME, cookie=f"proctorium_token={good}")).status_code == 200
    assert_said(await world.json(ME, cookie=f"proctorium_token={bad}"), 16, "TOKEN_INVALID")
    foreign = await world.json(
        ME, cookie=f"proctorium_token={good}", **{"sec-fetch-site": "cross-site"}
    )
    assert_said(foreign, 16, "TOKEN_MISSING")


async def test_a_token_in_the_query_does_not_count(world: World) -> None:
    anonymous = world.bearing(None)
    assert_said(await anonymous.json(f"{ME}?access_token={signed()}"), 16, "TOKEN_MISSING")


@pytest.mark.parametrize("method", [EVIDENCE, WATCH, ME])
async def test_a_request_without_a_token_is_refused_before_its_body_has_come(
    world: World, method: str
) -> None:
    host, port = world.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {method} HTTP/1.1\r\nhost: edge\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(10):
        assert b" 401 " in await reader.readline()
    writer.close()


async def test_only_public_methods_are_reached_without_a_token(world: World) -> None:
    anonymous = world.bearing(None)
    for path, rule in rules().items():
        if path.split(".")[1] not in SERVICES or "/Watch" in path:
            continue
        answer = await anonymous.json(path)
        if rule.public:
            assert answer.status_code == 200, path
        elif rule.for_services_only:
            assert_said(answer, 7, "NOT_ALLOWED")
        else:
            assert_said(answer, 16, "TOKEN_MISSING")


async def test_what_is_for_services_only_is_refused_to_everybody(world: World) -> None:
    method = "/proctorium.enrollment.v1.PersonService/BatchGetContacts"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.call(method)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert error_of(refused.value).reason == "NOT_ALLOWED"
    assert_said_to_web(await world.web(method), 7, "NOT_ALLOWED")


async def test_new_keys_are_used_without_a_restart(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with running_edge(tmp_path_factory.mktemp("rotated")) as world:
        old, new = world.bearing(signed(KEY)), world.bearing(signed(OTHER))
        assert_said(await new.json(ME), 16, "TOKEN_INVALID")
        check_tokens(world.settings, KEY, OTHER)
        async with asyncio.timeout(20):
            while (await new.json(ME)).status_code != 200:
                await asyncio.sleep(0.05)
        assert (await old.json(ME)).status_code == 200
        # Without keys the edge checks nothing: the services alone decide.
        check_tokens(world.settings)
        async with asyncio.timeout(20):
            while (await world.bearing("nonsense").json(ME)).status_code != 200:
                await asyncio.sleep(0.05)
