"""Tests that the edge checks tokens, and refuses calls without a valid token."""

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

from .harness import (
    EVIDENCE,
    KEY,
    ME,
    PERSON,
    PUBLIC,
    SERVICES,
    WATCH,
    Harness,
    check_tokens,
    running_edge,
)
from .test_edge import assert_grpc_web_error, assert_json_error

OTHER = SigningKey(b"o" * 32)


def signed(
    key: SigningKey = KEY, *, ago: timedelta = timedelta(), audience: str = "proctorium"
) -> str:
    """Return a token whose time of issue is `ago` before the current time."""
    signer = TokenSigner(key, audience=audience, clock=lambda: datetime.now(UTC) - ago)
    return signer.sign(PERSON, ["learner"]).text


# The tokens are returned by functions, so that each token is created when its test runs. If the tokens were created
# when pytest collects the tests, valid tokens could expire before their test runs.
INVALID: dict[str, tuple[Callable[[], str | None], str]] = {
    "missing": (lambda: None, "TOKEN_MISSING"),
    "expired": (lambda: signed(ago=timedelta(hours=1)), "TOKEN_EXPIRED"),
    "nonsense": (lambda: "nonsense", "TOKEN_INVALID"),
    "another-signature": (lambda: signed()[:-8] + "AAAAAAAA", "TOKEN_INVALID"),
    "another-key": (lambda: signed(OTHER), "TOKEN_INVALID"),
    "another-audience": (lambda: signed(audience="another"), "TOKEN_INVALID"),
}


@pytest.mark.parametrize(("token", "reason"), INVALID.values(), ids=INVALID.keys())
async def test_call_without_a_valid_token_is_refused_in_the_services_form(
    harness: Harness, token: Callable[[], str | None], reason: str
) -> None:
    caller = harness.with_token(token())
    harness.upstreams.metadata = {}
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await caller.call(ME)
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert error_of(error.value).reason == reason
    response = await caller.json(ME)
    assert response.status_code == 401
    assert_json_error(response, 16, reason)
    assert_grpc_web_error(await caller.web(ME), 16, reason)
    assert harness.upstreams.metadata == {}


@pytest.mark.parametrize("token", [token for token, _ in INVALID.values()], ids=INVALID.keys())
async def test_public_method_accepts_any_token_and_none(
    harness: Harness, token: Callable[[], str | None]
) -> None:
    caller = harness.with_token(token())
    await caller.call(PUBLIC)
    assert (await caller.json(PUBLIC)).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_scheme_is_case_insensitive(harness: Harness, scheme: str) -> None:
    await harness.call(ME, b"", ("authorization", f"{scheme} {signed()}"))


async def test_token_in_a_cookie_is_checked(harness: Harness) -> None:
    valid, invalid = signed(), signed(OTHER)
    assert (await harness.json(ME, cookie=f"proctorium_token={valid}")).status_code == 200
    assert_json_error(
        await harness.json(ME, cookie=f"proctorium_token={invalid}"), 16, "TOKEN_INVALID"
    )
    foreign = await harness.json(
        ME, cookie=f"proctorium_token={valid}", **{"sec-fetch-site": "cross-site"}
    )
    assert_json_error(foreign, 16, "TOKEN_MISSING")


async def test_token_in_the_query_is_ignored(harness: Harness) -> None:
    anonymous = harness.with_token(None)
    assert_json_error(await anonymous.json(f"{ME}?access_token={signed()}"), 16, "TOKEN_MISSING")


@pytest.mark.parametrize("method", [EVIDENCE, WATCH, ME])
async def test_request_without_a_token_is_refused_before_its_body_arrives(
    harness: Harness, method: str
) -> None:
    host, port = harness.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {method} HTTP/1.1\r\nhost: edge\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(10):
        assert b" 401 " in await reader.readline()
    writer.close()


async def test_only_public_methods_accept_calls_without_a_token(harness: Harness) -> None:
    anonymous = harness.with_token(None)
    for path, rule in rules().items():
        if path.split(".")[1] not in SERVICES or "/Watch" in path:
            continue
        response = await anonymous.json(path)
        if rule.public:
            assert response.status_code == 200, path
        elif rule.for_services_only:
            assert_json_error(response, 7, "NOT_ALLOWED")
        else:
            assert_json_error(response, 16, "TOKEN_MISSING")


async def test_service_only_method_is_refused_to_every_caller(harness: Harness) -> None:
    method = "/proctorium.enrollment.v1.PersonService/BatchGetContacts"
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await harness.call(method)
    assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert error_of(error.value).reason == "NOT_ALLOWED"
    assert_grpc_web_error(await harness.web(method), 7, "NOT_ALLOWED")


async def test_new_keys_are_used_without_a_restart(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with running_edge(tmp_path_factory.mktemp("rotated")) as harness:
        old, new = harness.with_token(signed(KEY)), harness.with_token(signed(OTHER))
        assert_json_error(await new.json(ME), 16, "TOKEN_INVALID")
        check_tokens(harness.settings, KEY, OTHER)
        async with asyncio.timeout(20):
            while (await new.json(ME)).status_code != 200:
                await asyncio.sleep(0.05)
        assert (await old.json(ME)).status_code == 200
        # If the file contains no keys, the edge forwards every token, and only the services check tokens.
        check_tokens(harness.settings)
        async with asyncio.timeout(20):
            while (await harness.with_token("nonsense").json(ME)).status_code != 200:
                await asyncio.sleep(0.05)
