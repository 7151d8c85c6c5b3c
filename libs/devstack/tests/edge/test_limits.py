"""Tests of the edge's limits for the requests and connections of one client address, for time, and for memory."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from proctorium_common.rpc.status import error_of
from proctorium_devstack.edge import Rate
from proctorium_devstack.edge_routes import Kind
from proctorium_devstack.ports import LOOPBACK
from proctorium_devstack.testing.http2 import (
    END_HEADERS,
    HEADERS,
    PREFACE,
    SETTINGS,
    frame,
    header_block,
)

from .harness import EVIDENCE, ME, MIB, WATCH, Harness, running_edge

SIGN_IN = "/proctorium.enrollment.v1.AccountService/SignIn"
JOIN = "/proctorium.session.v1.LobbyService/JoinSession"
ORGANISATION = "/proctorium.enrollment.v1.OrganisationService/GetOrganisation"
DEFAULT_LIMIT = 1024
"""Envoy's default limit of concurrent requests to one cluster."""
STREAMS_PER_CONNECTION = 100
HEAP = 192 * MIB
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_unfinished_watches_do_not_exhaust_a_service(harness: Harness) -> None:
    connections = [
        await harness.connect() for _ in range(DEFAULT_LIMIT // STREAMS_PER_CONNECTION + 2)
    ]
    for _, writer in connections:
        writer.write(PREFACE + frame(SETTINGS, 0, 0, b""))
        for number in range(STREAMS_PER_CONNECTION):
            head = header_block(WATCH, dict(harness.authorization))
            writer.write(frame(HEADERS, END_HEADERS, 2 * number + 1, head))
    await asyncio.gather(*(_ping(connection) for connection in connections))
    harness.upstreams.metadata = {}
    await harness.call(JOIN)
    assert harness.upstreams.metadata
    for _, writer in connections:
        writer.close()


async def _ping(connection: Connection) -> None:
    """Send a ping and wait for the acknowledgement, so that the edge has read all bytes before the ping."""
    reader, writer = connection
    ping, acknowledgement = 6, b"\0\0\x08\x06\x01"
    writer.write(frame(ping, 0, 0, b"8 bytes."))
    received = b""
    while acknowledgement not in received:
        more = await reader.read(65_536)
        assert more
        received += more


async def test_watch_with_an_unfinished_request_is_closed(tmp_path: Path) -> None:
    async with running_edge(tmp_path, watch_idle_seconds=0.5) as harness:
        head, closed = await _unfinished(harness, WATCH)
        assert b"DEADLINE" not in head
        assert closed
        assert harness.upstreams.metadata == {}


async def test_call_with_an_unfinished_body_times_out(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as harness:
        for method in (ME, EVIDENCE, SIGN_IN):
            head, _ = await _unfinished(harness, method)
            assert b" 200 " in head.split(b"\r\n")[0]
            assert b"grpc-status: 4" in head


async def _unfinished(harness: Harness, method: str) -> tuple[bytes, bool]:
    """Send the headers of a gRPC-Web call and only a part of its body.

    Return the headers of the response, and whether the body of the response is empty.
    """
    reader, writer = await harness.connect()
    lines = [
        f"POST {method} HTTP/1.1",
        "host: localhost",
        "content-type: application/grpc-web+proto",
        "content-length: 1000",
        *_lines(harness),
    ]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\nincomplete")
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        rest = await reader.read()
    writer.close()
    return head, rest == b""


async def test_public_methods_and_pages_accept_only_small_requests(harness: Harness) -> None:
    await harness.call(SIGN_IN, bytes(60 * 1024))
    with pytest.raises(grpc.aio.AioRpcError) as large:
        await harness.call(SIGN_IN, bytes(70 * 1024))
    assert error_of(large.value).reason == "MESSAGE_TOO_LARGE"
    page = await harness.http.post("/courses", content=bytes(70 * 1024))
    assert page.status_code == 413


async def test_unfinished_uploads_use_limited_memory(tmp_path: Path) -> None:
    async with running_edge(tmp_path, heap_bytes=HEAP, call_seconds=5.0) as harness:
        uploads = [asyncio.create_task(_upload(harness, 16 * MIB)) for _ in range(60)]
        peak = 0
        done: set[asyncio.Task[None]] = set()
        while len(done) < len(uploads):
            done, _ = await asyncio.wait(uploads, timeout=0.1)
            peak = max(peak, harness.memory)
        assert peak < 1.5 * HEAP
        await harness.call(ME)


async def _upload(harness: Harness, size: int) -> None:
    """Send all bytes of an upload except the last byte. Stop if the edge closes the connection."""
    _, writer = await harness.connect()
    lines = [
        f"POST {EVIDENCE} HTTP/1.1",
        "host: localhost",
        "content-type: application/grpc-web+proto",
        f"content-length: {size + 1}",
        *_lines(harness),
    ]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    with suppress(ConnectionError):
        for _ in range(size // MIB):
            writer.write(bytes(MIB))
            await writer.drain()
    writer.close()


async def test_rate_limit_applies_to_one_address_and_one_route(tmp_path: Path) -> None:
    rates = {
        **dict.fromkeys([*Kind, "pages"], Rate(burst=1000, per_second=1000)),
        Kind.CALLS: Rate(burst=3, per_second=1),
    }
    async with running_edge(tmp_path, rates=rates) as harness:
        statuses = [(await harness.json(ME)).status_code for _ in range(5)]
        assert statuses[:3] == [200, 200, 200]
        assert 429 in statuses[3:]
        refused = await harness.json(ME)
        assert refused.json()["details"][0]["reason"] == "TOO_MANY_REQUESTS"
        assert (await _status_from(harness, "127.0.0.2")) == b"200"
        assert (await harness.json(SIGN_IN)).status_code == 200, "each route has a separate limit"


async def test_sign_ins_of_an_address_have_a_separate_limit(tmp_path: Path) -> None:
    rates = {
        **dict.fromkeys([*Kind, "pages"], Rate(burst=1000, per_second=1000)),
        Kind.SIGN_INS: Rate(burst=3, per_second=1, ipv6_prefix=48),
    }
    async with running_edge(tmp_path, trusted_hops=1, rates=rates) as harness:

        async def status(method: str, address: str) -> int:
            return (await harness.json(method, **{"x-forwarded-for": address})).status_code

        assert [await status(SIGN_IN, "192.0.2.1") for _ in range(3)] == [200] * 3
        refused = await harness.json(SIGN_IN, **{"x-forwarded-for": "192.0.2.1"})
        assert refused.json()["details"][0]["reason"] == "TOO_MANY_REQUESTS"
        assert await status(SIGN_IN, "192.0.2.2") == 200
        assert await status(ORGANISATION, "192.0.2.1") == 200, "other public methods stay available"
        # IPv6 addresses with the same /48 prefix share one limit.
        statuses = [await status(SIGN_IN, f"2001:db8:1:{number:x}::1") for number in range(5)]
        assert statuses[:3] == [200] * 3
        assert 429 in statuses[3:]
        assert await status(SIGN_IN, "2001:db8:2::1") == 200


async def _status_from(harness: Harness, source: str) -> bytes:
    reader, writer = await harness.connect(source)
    with suppress(ConnectionError):
        writer.write(_json_call(harness, ME))
        async with asyncio.timeout(10):
            line = await reader.readline()
        writer.close()
        return line.split(b" ")[1] if line else b""
    return b""


def _json_call(harness: Harness, method: str) -> bytes:
    lines = [
        f"POST {method} HTTP/1.1",
        "host: localhost",
        "content-type: application/json",
        "content-length: 2",
        *_lines(harness),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n{}"


def _lines(harness: Harness) -> list[str]:
    return [f"{name}: {value}" for name, value in harness.authorization]


async def test_connection_limit_applies_to_one_address(tmp_path: Path) -> None:
    limit = 20
    async with running_edge(tmp_path, connections_per_address=limit) as harness:
        connections = [await harness.connect("127.0.0.9") for _ in range(limit)]
        for connection in connections:
            await _assert_succeeds(harness, connection, ME)
        assert await _status_from(harness, "127.0.0.9") == b""
        others = [await _status_from(harness, f"127.0.0.{number}") for number in range(20, 40)]
        assert others.count(b"200") > len(others) / 2
        connections.pop()[1].close()
        async with asyncio.timeout(10):
            while await _status_from(harness, "127.0.0.9") != b"200":
                await asyncio.sleep(0.02)
        for _, writer in connections:
            writer.close()


async def test_idle_connection_is_closed(tmp_path: Path) -> None:
    async with running_edge(tmp_path, idle_seconds=0.5) as harness:
        reader, writer = await harness.connect()
        await _assert_succeeds(harness, (reader, writer), ME)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


@pytest.mark.usefixtures("many_files")
async def test_thousand_learners_behind_one_address_are_within_the_limits(tmp_path: Path) -> None:
    learners, connections_of_each = 1_000, 6
    async with running_edge(tmp_path, call_seconds=30.0) as harness:
        opened: list[Connection] = []
        for _ in range(learners):
            opened += await asyncio.gather(*(harness.connect() for _ in range(connections_of_each)))
        for reader, writer in opened:
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            async with asyncio.timeout(30):
                assert await reader.readuntil(b"\r\n\r\n"), "the connection was accepted"
        for number, method in enumerate((ORGANISATION, ME)):
            for first in range(0, learners, 200):
                batch = opened[number * learners + first :][:200]
                await asyncio.gather(
                    *(_assert_succeeds(harness, connection, method) for connection in batch)
                )
        assert harness.settings.rates[Kind.PUBLIC].burst >= 4 * learners
        assert harness.settings.rates[Kind.CALLS].burst >= 20 * learners
        assert harness.settings.rates[Kind.SIGN_INS].burst >= 2 * learners
        for _, writer in opened:
            writer.close()


async def _assert_succeeds(harness: Harness, connection: Connection, method: str) -> None:
    """Call a method on the connection, and assert that the call succeeds."""
    reader, writer = connection
    writer.write(_json_call(harness, method))
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2)
    assert b" 200 " in head.split(b"\r\n")[0], head


async def test_forwarded_address_from_a_trusted_proxy_is_limited(
    tmp_path: Path,
) -> None:
    rates = dict.fromkeys([*Kind, "pages"], Rate(burst=2, per_second=1))
    async with running_edge(tmp_path, trusted_hops=1, rates=rates) as harness:
        for _ in range(3):
            refused = await harness.json(ME, **{"x-forwarded-for": "192.0.2.1"})
        assert refused.status_code == 429
        assert (await harness.json(ME, **{"x-forwarded-for": "192.0.2.2"})).status_code == 200
        assert harness.upstreams.metadata["x-forwarded-for"] == "192.0.2.2"


async def test_forwarded_address_from_a_client_is_ignored(tmp_path: Path) -> None:
    rates = dict.fromkeys([*Kind, "pages"], Rate(burst=2, per_second=1))
    async with running_edge(tmp_path, rates=rates) as harness:
        for number in range(3):
            response = await harness.json(ME, **{"x-forwarded-for": f"192.0.2.{number}"})
        assert response.status_code == 429
        assert harness.upstreams.metadata["x-forwarded-for"] == LOOPBACK
