"""Tests of the edge's protocols, routes, headers, errors and access log, with a real Envoy."""

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

from .harness import CALL_SECONDS, EVIDENCE, INBOX, ME, MIB, PUBLIC, WATCH, Harness, StreamCall

SESSIONS = "/proctorium.session.v1.SessionService/ListSessions"


@pytest.mark.parametrize("header", ["x-forwarded-for", "x-envoy-external-address", "x-real-ip"])
async def test_client_cannot_forge_its_address(harness: Harness, header: str) -> None:
    await harness.call(ME, b"", (header, "9.9.9.9"))
    assert address_of(harness.upstreams.metadata, "", through_edge=True) == LOOPBACK
    await harness.json(ME, **{header: "9.9.9.9"})
    assert address_of(harness.upstreams.metadata, "", through_edge=True) == LOOPBACK


async def test_call_arrives_from_the_edge_without_claimed_headers(harness: Harness) -> None:
    claims = (
        ("x-proctorium-person", "somebody-else"),
        ("x-forwarded-client-cert", "Subject=session"),
    )
    await harness.call(
        ME,
        b"",
        *claims,
        ("x-forwarded-for", "9.9.9.9"),
        ("traceparent", "00-" + "a" * 32 + "-" + "b" * 16 + "-01"),
    )
    assert harness.upstreams.peer == "edge"
    assert not [
        key
        for key in harness.upstreams.metadata
        if key.startswith(("x-proctorium", "x-forwarded-client"))
    ]
    assert harness.upstreams.metadata["x-forwarded-for"] == LOOPBACK
    assert harness.upstreams.metadata["traceparent"] == "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


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
async def test_token_cookie_becomes_the_authorization_header(
    harness: Harness, headers: dict[str, str], expected: str | None
) -> None:
    anonymous = harness.with_token(None)
    assert (await anonymous.json(PUBLIC, **headers)).status_code == 200
    assert harness.upstreams.metadata.get("authorization") == expected


async def test_only_proctorium_cookies_reach_a_service(harness: Harness) -> None:
    long = "other=" + "x" * 20_000
    await harness.json(PUBLIC, cookie=f"{long}; proctorium_refresh=r=1; a=b")
    assert harness.upstreams.metadata["cookie"] == "proctorium_refresh=r=1"
    assert (await harness.json(PUBLIC, cookie=long)).status_code == 200
    assert "cookie" not in harness.upstreams.metadata


async def test_vanished_client_is_probed_within_seconds(harness: Harness) -> None:
    port = int(harness.address.rsplit(":", 1)[1])
    _, writer = await harness.connect()
    client = writer.get_extra_info("sockname")[1]
    async with asyncio.timeout(5):
        while (delay := keepalive_delay(port, client)) is None:
            await asyncio.sleep(0.01)
    writer.close()
    assert 0 < delay <= 5


def keepalive_delay(port: int, client: int) -> float | None:
    """Return the time in seconds until Linux sends a keepalive probe to a client, or None if no probe is scheduled."""
    keepalive_timer = "02"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, _, timer, *_ = line.split()
        ports = [int(end.split(":")[1], 16) for end in (local, remote)]
        kind, ticks = timer.split(":")
        if ports == [port, client] and kind == keepalive_timer:
            return int(ticks, 16) / os.sysconf("SC_CLK_TCK")
    return None


async def test_json_call_returns_json(harness: Harness) -> None:
    response = await harness.json(ME)
    assert (response.headers["content-type"], isinstance(response.json(), dict)) == (
        "application/json",
        True,
    )


async def test_service_error_is_returned_as_json_with_its_reason(harness: Harness) -> None:
    harness.upstreams.error = invalid("CODE_INVALID", "Please check each character.", code="1")
    try:
        response = await harness.json(ME)
    finally:
        harness.upstreams.error = None
    assert (response.status_code, response.headers["content-type"]) == (400, "application/json")
    status = response.json()
    assert (status["code"], status["message"]) == (3, "Please check each character.")
    assert status["details"][0]["reason"] == "CODE_INVALID"
    assert status["details"][0]["metadata"] == {"code": "1"}


async def test_grpc_web_call_succeeds(harness: Harness) -> None:
    response = await harness.web(ME)
    assert response.headers["content-type"] == "application/grpc-web+proto"
    assert b"grpc-status:0" in response.content.replace(b" ", b"")


@pytest.mark.parametrize(
    "method",
    [
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.channelz.v1.Channelz/GetServers",
        "/proctorium.unknown.v1.Service/Method",
    ],
)
async def test_operator_methods_are_not_reachable(harness: Harness, method: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await harness.call(method)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_only_uploads_may_be_large(harness: Harness) -> None:
    await harness.call(EVIDENCE, bytes(12 * MIB), timeout=20)
    for method, size in ((ME, 2 * MIB), (EVIDENCE, 20 * MIB)):
        with pytest.raises(grpc.aio.AioRpcError) as large:
            await harness.call(method, bytes(size), timeout=20)
        assert error_of(large.value).reason == "MESSAGE_TOO_LARGE"


async def test_time_limit_applies_to_calls_but_not_to_watches(harness: Harness) -> None:
    async with grpc.aio.insecure_channel(harness.address) as channel:
        watch: StreamCall = channel.unary_stream(WATCH)
        assert [response async for response in watch(b"", metadata=harness.authorization)] == [
            b"",
            b"",
        ]
    harness.upstreams.slow = True
    try:
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await harness.call(ME, timeout=30)
        without_deadline = await asyncio.wait_for(harness.json(ME), 6 * CALL_SECONDS)
        web = await harness.web(ME)
    finally:
        harness.upstreams.slow = False
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert error_of(late.value).reason == "DEADLINE_EXCEEDED"
    assert without_deadline.status_code == 504
    assert_json_error(without_deadline, 4, "DEADLINE_EXCEEDED")
    assert_grpc_web_error(web, 4, "DEADLINE_EXCEEDED")


REFUSED = [
    ("no such method", "/proctorium.unknown.v1.Service/Method", 0, 404, 12, "METHOD_NOT_FOUND"),
    ("too large", ME, 2 * MIB, 413, 8, "MESSAGE_TOO_LARGE"),
    ("unavailable", INBOX, 0, 503, 14, "SERVICE_UNAVAILABLE"),
]


@pytest.mark.parametrize(
    ("method", "size", "http", "code", "reason"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
async def test_errors_of_the_edge_have_the_services_form(
    harness: Harness, method: str, size: int, http: int, code: int, reason: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await harness.call(method, bytes(size), timeout=20)
    assert error.value.code().value[0] == code
    assert error_of(error.value).reason == reason
    assert_grpc_web_error(await harness.web(method, bytes(size)), code, reason)
    response = await harness.json(method, json.dumps({"text": "x" * size} if size else {}))
    assert response.status_code == http
    assert_json_error(response, code, reason)


@pytest.mark.parametrize("body", ["{", '{"a": }', "nonsense", "[1"])
async def test_malformed_json_is_an_invalid_request(harness: Harness, body: str) -> None:
    response = await harness.json(ME, body)
    assert response.status_code == 400
    assert_json_error(response, 3, "INVALID_REQUEST")


async def test_unknown_method_and_get_request_are_not_found(harness: Harness) -> None:
    missing = "/proctorium.enrollment.v1.AccountService/Unknown"
    for response in (
        await harness.json(missing),
        await harness.http.get(ME, headers=dict(harness.authorization)),
    ):
        assert response.status_code == 404
        assert_json_error(response, 12, "METHOD_NOT_FOUND")


async def test_service_error_is_passed_on_unchanged(harness: Harness) -> None:
    harness.upstreams.error = exhausted("TOO_MANY_FAILED_SIGN_INS", "Please wait a minute.")
    try:
        web, json_response = await harness.web(ME), await harness.json(ME)
    finally:
        harness.upstreams.error = None
    assert_json_error(json_response, 8, "TOO_MANY_FAILED_SIGN_INS")
    assert json_response.json()["message"] == "Please wait a minute."
    assert_grpc_web_error(web, 8, "TOO_MANY_FAILED_SIGN_INS")


async def test_largest_error_reaches_its_caller_and_ends_no_other_stream(
    harness: Harness,
) -> None:
    violations = [
        Violation(f"answers[{n}]." + "ü" * 500, "ü" * 500, "ü" * 5000) for n in range(600)
    ]
    largest = invalid("INVALID_REQUEST", "ü" * 5000, violations=violations, seen="ü" * 5000)
    async with grpc.aio.insecure_channel(harness.address) as channel:
        watch: StreamCall = channel.unary_stream(WATCH)
        watching = watch(b"", metadata=harness.authorization)
        assert await watching.read() == b""
        harness.upstreams.error = largest
        try:
            # The edge has only one connection to each service, so these calls use the connection of the open stream.
            errors = [await refusal(harness.call(SESSIONS)) for _ in range(5)]
        finally:
            harness.upstreams.error = None
        assert await watching.read() == b""
    assert {each.message for each in errors} == {largest.message}
    assert errors[0].violations == largest.violations


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE"),
        (grpc.StatusCode.UNAVAILABLE, "SERVICE_UNAVAILABLE"),
        (grpc.StatusCode.UNIMPLEMENTED, "METHOD_NOT_FOUND"),
        (grpc.StatusCode.INTERNAL, "INTERNAL"),
    ],
)
async def test_library_error_without_a_reason_receives_one(
    harness: Harness, code: grpc.StatusCode, reason: str
) -> None:
    harness.upstreams.library_error = code
    try:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await harness.call(ME)
        web, json_response = await harness.web(ME), await harness.json(ME)
    finally:
        harness.upstreams.library_error = None
    assert (error.value.code(), error_of(error.value).reason) == (code, reason)
    number: int = code.value[0]
    assert_grpc_web_error(web, number, reason)
    assert_json_error(json_response, number, reason)


class AlwaysLimited(Edge):
    """An edge that returns HTTP status 429 for unknown paths."""

    async def prepare(self) -> None:
        await super().prepare()
        rendered = self._configuration.read_text()
        changed = rendered.replace(
            "direct_response: { status: 404 }", "direct_response: { status: 429 }"
        )
        assert changed != rendered
        self._configuration.write_text(changed)


async def test_exceeded_rate_limit_has_the_services_form(harness: Harness, tmp_path: Path) -> None:
    listen, admin = free_ports(2)
    settings = replace(
        harness.settings, listen=Address(LOOPBACK, listen), admin=Address(LOOPBACK, admin)
    )
    limited = AlwaysLimited(tmp_path, settings, tmp_path / "edge.log", dependencies=())
    await limited.start()
    try:
        async with AsyncClient(base_url=f"http://{LOOPBACK}:{listen}") as http:
            other = Harness(
                f"{LOOPBACK}:{listen}", harness.upstreams, http, settings, tmp_path, limited
            )
            method = "/proctorium.unknown.v1.Service/Method"
            response = await other.json(method)
            assert response.status_code == 429
            assert_json_error(response, 8, "TOO_MANY_REQUESTS")
            assert_grpc_web_error(await other.web(method), 8, "TOO_MANY_REQUESTS")
    finally:
        await limited.stop()


def assert_json_error(response: Response, code: int, reason: str) -> None:
    """Assert that the response is a `google.rpc.Status` in JSON with this code and reason."""
    assert response.headers["content-type"] == "application/json"
    status = response.json()
    assert (status["code"], status["details"][0]["reason"]) == (code, reason)
    assert status["details"][0]["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert status["details"][0]["domain"] == "proctorium"
    assert status["message"].endswith(".")


def assert_grpc_web_error(response: Response, code: int, reason: str) -> None:
    """Assert that the response is a gRPC-Web error (HTTP status 200) with this code and reason."""
    assert (response.status_code, response.headers["grpc-status"]) == (200, str(code))
    assert response.headers["content-type"] == "application/grpc-web+proto"
    details = response.headers["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(base64.b64decode(details + "=" * (-len(details) % 4)))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, info.reason, info.domain) == (code, reason, "proctorium")
    assert unquote(response.headers["grpc-message"]) == status.message


async def test_other_paths_reach_the_portal(harness: Harness) -> None:
    for address in ("/", "/sessions/1?tab=chat", "/assets/app.js"):
        assert (await harness.http.get(address)).text == "page"
    assert harness.upstreams.page_requests[-1].startswith(b"GET /assets/app.js HTTP/1.1")


async def test_access_log_contains_methods_but_no_personal_data(harness: Harness) -> None:
    await harness.http.get("/shared/s3cret?token=s3cret")
    await harness.call(PUBLIC, b"", ("authorization", "Bearer s3cret"))
    lines = await _lines(
        harness.log,
        lambda lines: [line["method"] for line in lines[-2:]] == ["GET /shared", PUBLIC[1:]],
    )
    assert (lines[-1]["route"], lines[-1]["grpc_status"]) == ("enrollment-sign-ins", "OK")
    text = json.dumps(lines)
    assert "s3cret" not in text
    assert LOOPBACK not in text


async def _lines(
    log: Path, is_complete: Callable[[list[dict[str, object]]], bool]
) -> list[dict[str, object]]:
    """Wait until `is_complete` is true for the lines of the log, and return the lines.

    The wait is necessary, because Envoy writes the line of a request after it has sent the response.
    """

    async def read() -> list[dict[str, object]]:
        while True:
            lines = [
                json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")
            ]
            if lines and is_complete(lines):
                return lines
            await asyncio.sleep(0.05)

    waiting: Awaitable[list[dict[str, object]]] = read()
    return await asyncio.wait_for(waiting, 15)


async def test_get_is_retried_when_the_portal_closes_the_connection(harness: Harness) -> None:
    harness.upstreams.hang_ups = 2
    page = await harness.http.get("/courses")
    assert (page.status_code, page.text) == (200, "page")
    assert harness.upstreams.hang_ups == 0


async def test_post_to_the_portal_is_not_retried(harness: Harness) -> None:
    harness.upstreams.hang_ups = 1
    before = len(harness.upstreams.page_requests)
    response = await harness.http.post("/courses", content=b"")
    assert response.status_code == 503
    assert len(harness.upstreams.page_requests) == before + 1
