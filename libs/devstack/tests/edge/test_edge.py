"""The edge as clients meet it: a real Envoy between them and services that remember what reached them."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from httpx2 import AsyncClient, Response

from proctorium_common.errors import Violation, exhausted, invalid
from proctorium_common.rpc.addresses import address_of
from proctorium_common.rpc.status import error_of
from proctorium_devstack.components.edge import Edge
from proctorium_devstack.edge import Address
from proctorium_devstack.ports import LOOPBACK, free_ports
from proctorium_devstack.testing.refusals import refusal

from .world import CALL_SECONDS, EVIDENCE, INBOX, ME, MIB, PUBLIC, WATCH, Watch, World

SESSIONS = "/proctorium.session.v1.SessionService/ListSessions"


@pytest.mark.parametrize("header", ["x-forwarded-for", "x-envoy-external-address", "x-real-ip"])
async def test_nobody_says_themselves_where_they_are(world: World, header: str) -> None:
    await world.call(ME, b"", (header, "9.9.9.9"))
    assert address_of(world.behind.metadata, "", through_edge=True) == LOOPBACK
    await world.json(ME, **{header: "9.9.9.9"})
    assert address_of(world.behind.metadata, "", through_edge=True) == LOOPBACK


async def test_a_call_arrives_as_the_edge_s_and_claims_about_oneself_do_not(world: World) -> None:
    claims = (
        ("x-proctorium-person", "somebody-else"),
        ("x-forwarded-client-cert", "Subject=session"),
    )
    await world.call(
        ME,
        b"",
        *claims,
        ("x-forwarded-for", "9.9.9.9"),
        ("traceparent", "00-" + "a" * 32 + "-" + "b" * 16 + "-01"),
    )
    assert world.behind.peer == "edge"
    assert not [
        key
        for key in world.behind.metadata
        if key.startswith(("x-proctorium", "x-forwarded-client"))
    ]
    assert world.behind.metadata["x-forwarded-for"] == LOOPBACK
    assert world.behind.metadata["traceparent"] == "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"cookie": "a=b; proctorium_token=t.o-k_n; c=d"}, "Bearer t.o-k_n"),
        ({"cookie": "proctorium_token=t", "sec-fetch-site": "same-origin"}, "Bearer t"),
        ({"cookie": "proctorium_token=t", "sec-fetch-site": "cross-site"}, None),
        ({"cookie": "proctorium_token=t", "authorization": "Bearer mine"}, "Bearer mine"),
        ({"cookie": "not_proctorium_token=t"}, None),
        ({}, None),
    ],
    ids=["cookie", "own-page", "other-page", "bearer-wins", "other-cookie", "nothing"],
)
async def test_a_browser_s_cookie_is_its_token(
    world: World, headers: dict[str, str], expected: str | None
) -> None:
    anonymous = world.bearing(None)
    assert (await anonymous.json(PUBLIC, **headers)).status_code == 200
    assert world.behind.metadata.get("authorization") == expected


async def test_a_service_gets_our_cookies_and_no_others(world: World) -> None:
    long = "other=" + "x" * 20_000
    await world.json(PUBLIC, cookie=f"{long}; proctorium_refresh=r=1; a=b")
    assert world.behind.metadata["cookie"] == "proctorium_refresh=r=1"
    assert (await world.json(PUBLIC, cookie=long)).status_code == 200
    assert "cookie" not in world.behind.metadata


async def test_a_client_that_vanishes_is_asked_for_within_seconds(world: World) -> None:
    port = int(world.address.rsplit(":", 1)[1])
    _, writer = await world.connect()
    own = writer.get_extra_info("sockname")[1]
    async with asyncio.timeout(5):
        while (kept := kept_alive(port, own)) is None:
            await asyncio.sleep(0.01)
    writer.close()
    assert 0 < kept <= 5


def kept_alive(port: int, client: int) -> float | None:
    """Seconds until Linux asks whether the client of the edge's `port` is there; None while it is not going to."""
    keepalive_timer = "02"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, _, timer, *_ = line.split()
        ports = [int(end.split(":")[1], 16) for end in (local, remote)]
        kind, ticks = timer.split(":")
        if ports == [port, client] and kind == keepalive_timer:
            return int(ticks, 16) / os.sysconf("SC_CLK_TCK")
    return None


async def test_json_comes_out_as_json(world: World) -> None:
    answer = await world.json(ME)
    assert (answer.headers["content-type"], isinstance(answer.json(), dict)) == (
        "application/json",
        True,
    )


async def test_an_error_comes_out_as_json_with_its_reason(world: World) -> None:
    world.behind.refusal = invalid("CODE_INVALID", "Please check each character.", code="1")
    try:
        answer = await world.json(ME)
    finally:
        world.behind.refusal = None
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    said = answer.json()
    assert (said["code"], said["message"]) == (3, "Please check each character.")
    assert said["details"][0]["reason"] == "CODE_INVALID"
    assert said["details"][0]["metadata"] == {"code": "1"}


async def test_grpc_web_is_understood(world: World) -> None:
    answer = await world.web(ME)
    assert answer.headers["content-type"] == "application/grpc-web+proto"
    assert b"grpc-status:0" in answer.content.replace(b" ", b"")


@pytest.mark.parametrize(
    "method",
    [
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.channelz.v1.Channelz/GetServers",
        "/proctorium.unknown.v1.Service/Method",
    ],
)
async def test_what_is_for_operators_is_not_reached_through_the_edge(
    world: World, method: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.call(method)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_only_uploads_may_be_large(world: World) -> None:
    await world.call(EVIDENCE, bytes(12 * MIB), timeout=20)
    for method, size in ((ME, 2 * MIB), (EVIDENCE, 20 * MIB)):
        with pytest.raises(grpc.aio.AioRpcError) as large:
            await world.call(method, bytes(size), timeout=20)
        assert error_of(large.value).reason == "MESSAGE_TOO_LARGE"


async def test_a_watch_outlives_the_time_of_a_call_and_a_call_does_not(world: World) -> None:
    async with grpc.aio.insecure_channel(world.address) as channel:
        watch: Watch = channel.unary_stream(WATCH)
        assert [answer async for answer in watch(b"", metadata=world.authorization)] == [b"", b""]
    world.behind.slow = True
    try:
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await world.call(ME, timeout=30)
        unstated = await asyncio.wait_for(world.json(ME), 6 * CALL_SECONDS)
        web = await world.web(ME)
    finally:
        world.behind.slow = False
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert error_of(late.value).reason == "DEADLINE_EXCEEDED"
    assert unstated.status_code == 504
    assert_said(unstated, 4, "DEADLINE_EXCEEDED")
    assert_said_to_web(web, 4, "DEADLINE_EXCEEDED")


REFUSED = [
    ("there is none", "/proctorium.unknown.v1.Service/Method", 0, 404, 12, "METHOD_NOT_FOUND"),
    ("too large", ME, 2 * MIB, 413, 8, "MESSAGE_TOO_LARGE"),
    ("away", INBOX, 0, 503, 14, "SERVICE_UNAVAILABLE"),
]


@pytest.mark.parametrize(
    ("method", "size", "http", "code", "reason"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
async def test_what_the_edge_refuses_is_said_as_services_say_it(
    world: World, method: str, size: int, http: int, code: int, reason: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.call(method, bytes(size), timeout=20)
    assert refused.value.code().value[0] == code
    assert error_of(refused.value).reason == reason
    assert_said_to_web(await world.web(method, bytes(size)), code, reason)
    answer = await world.json(method, json.dumps({"text": "x" * size} if size else {}))
    assert answer.status_code == http
    assert_said(answer, code, reason)


@pytest.mark.parametrize("body", ["{", '{"a": }', "nonsense", "[1"])
async def test_a_body_that_is_no_json_is_an_invalid_request(world: World, body: str) -> None:
    answer = await world.json(ME, body)
    assert answer.status_code == 400
    assert_said(answer, 3, "INVALID_REQUEST")


async def test_a_method_that_a_service_does_not_have_is_none(world: World) -> None:
    missing = "/proctorium.enrollment.v1.AccountService/UnknownMethodError"
    for answer in (
        await world.json(missing),
        await world.browser.get(ME, headers=dict(world.authorization)),
    ):
        assert answer.status_code == 404
        assert_said(answer, 12, "METHOD_NOT_FOUND")


async def test_an_error_of_a_service_s_own_is_left_as_it_is(world: World) -> None:
    world.behind.refusal = exhausted("TOO_MANY_FAILED_SIGN_INS", "Please wait a minute.")
    try:
        web, script = await world.web(ME), await world.json(ME)
    finally:
        world.behind.refusal = None
    assert_said(script, 8, "TOO_MANY_FAILED_SIGN_INS")
    assert script.json()["message"] == "Please wait a minute."
    assert_said_to_web(web, 8, "TOO_MANY_FAILED_SIGN_INS")


async def test_the_largest_error_reaches_its_caller_and_ends_no_stream_beside_it(
    world: World,
) -> None:
    faults = [Violation(f"answers[{n}]." + "ü" * 500, "ü" * 500, "ü" * 5000) for n in range(600)]
    largest = invalid("INVALID_REQUEST", "ü" * 5000, violations=faults, seen="ü" * 5000)
    async with grpc.aio.insecure_channel(world.address) as channel:
        watch: Watch = channel.unary_stream(WATCH)
        watching = watch(b"", metadata=world.authorization)
        assert await watching.read() == b""
        world.behind.refusal = largest
        try:
            # To the service that the watch is open at, over the edge's one connection to it.
            refused = [await refusal(world.call(SESSIONS)) for _ in range(5)]
        finally:
            world.behind.refusal = None
        assert await watching.read() == b""
    assert {each.message for each in refused} == {largest.message}
    assert refused[0].violations == largest.violations


@pytest.mark.parametrize(
    ("bare", "reason"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE"),
        (grpc.StatusCode.UNAVAILABLE, "SERVICE_UNAVAILABLE"),
        (grpc.StatusCode.UNIMPLEMENTED, "METHOD_NOT_FOUND"),
        (grpc.StatusCode.INTERNAL, "INTERNAL"),
    ],
)
async def test_a_refusal_without_a_reason_gets_one(
    world: World, bare: grpc.StatusCode, reason: str
) -> None:
    world.behind.bare = bare
    try:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await world.call(ME)
        web, script = await world.web(ME), await world.json(ME)
    finally:
        world.behind.bare = None
    assert (refused.value.code(), error_of(refused.value).reason) == (bare, reason)
    number: int = bare.value[0]
    assert_said_to_web(web, number, reason)
    assert_said(script, number, reason)


class Limited(Edge):
    """An edge that answers 429 to what is not there, since it limits nothing yet."""

    async def prepare(self) -> None:
        await super().prepare()
        rendered = self._configuration.read_text()
        changed = rendered.replace(
            "direct_response: { status: 404 }", "direct_response: { status: 429 }"
        )
        assert changed != rendered
        self._configuration.write_text(changed)


async def test_too_many_requests_are_said_to_be_that(world: World, tmp_path: Path) -> None:
    listen, admin = free_ports(2)
    settings = replace(
        world.settings, listen=Address(LOOPBACK, listen), admin=Address(LOOPBACK, admin)
    )
    limited = Limited(tmp_path, settings, tmp_path / "edge.log", dependencies=())
    await limited.start()
    try:
        async with AsyncClient(base_url=f"http://{LOOPBACK}:{listen}") as browser:
            other = World(
                f"{LOOPBACK}:{listen}", world.behind, browser, settings, tmp_path, limited
            )
            method = "/proctorium.unknown.v1.Service/Method"
            answer = await other.json(method)
            assert answer.status_code == 429
            assert_said(answer, 8, "TOO_MANY_REQUESTS")
            assert_said_to_web(await other.web(method), 8, "TOO_MANY_REQUESTS")
    finally:
        await limited.stop()


def assert_said(answer: Response, code: int, reason: str) -> None:
    """The answer is an error in JSON as `google.rpc.Status` is written."""
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    assert (said["code"], said["details"][0]["reason"]) == (code, reason)
    assert said["details"][0]["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert said["details"][0]["domain"] == "proctorium"
    assert said["message"].endswith(".")


def assert_said_to_web(answer: Response, code: int, reason: str) -> None:
    """The answer is an error of gRPC-Web, with HTTP 200 as all of them."""
    assert (answer.status_code, answer.headers["grpc-status"]) == (200, str(code))
    assert answer.headers["content-type"] == "application/grpc-web+proto"
    details = answer.headers["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(base64.b64decode(details + "=" * (-len(details) % 4)))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, info.reason, info.domain) == (code, reason, "proctorium")
    assert unquote(answer.headers["grpc-message"]) == status.message


async def test_everything_else_is_a_page(world: World) -> None:
    for address in ("/", "/sessions/1?tab=chat", "/assets/app.js"):
        assert (await world.browser.get(address)).text == "page"
    assert world.behind.page_requests[-1].startswith(b"GET /assets/app.js HTTP/1.1")


async def test_the_access_log_says_what_was_done_and_not_by_whom(world: World) -> None:
    await world.browser.get("/shared/s3cret?token=s3cret")
    await world.call(PUBLIC, b"", ("authorization", "Bearer s3cret"))
    lines = await _lines(
        world.log,
        lambda lines: [line["method"] for line in lines[-2:]] == ["GET /shared", PUBLIC[1:]],
    )
    assert (lines[-1]["route"], lines[-1]["grpc_status"]) == ("enrollment-sign-ins", "OK")
    text = json.dumps(lines)
    assert "s3cret" not in text
    assert LOOPBACK not in text


async def _lines(
    log: Path, holds: Callable[[list[dict[str, object]]], bool]
) -> list[dict[str, object]]:
    """The log once it holds what is waited for: it is written a moment after the answer."""

    async def read() -> list[dict[str, object]]:
        while True:
            lines = [
                json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")
            ]
            if lines and holds(lines):
                return lines
            await asyncio.sleep(0.05)

    waiting: Awaitable[list[dict[str, object]]] = read()
    return await asyncio.wait_for(waiting, 15)


async def test_a_page_is_asked_for_again_when_the_portal_hung_up(world: World) -> None:
    world.behind.hang_ups = 2
    page = await world.browser.get("/courses")
    assert (page.status_code, page.text) == (200, "page")
    assert world.behind.hang_ups == 0


async def test_what_may_change_something_is_not_sent_to_the_portal_twice(world: World) -> None:
    world.behind.hang_ups = 1
    before = len(world.behind.page_requests)
    answer = await world.browser.post("/courses", content=b"")
    assert answer.status_code == 503
    assert len(world.behind.page_requests) == before + 1
