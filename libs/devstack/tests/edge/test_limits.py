"""One client, or one address, can use limited requests, time, connections and memory of the edge; what a class needs stays available."""

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

from .world import EVIDENCE, ME, MIB, WATCH, World, running_edge

SIGN_IN = "/proctorium.enrollment.v1.AccountService/SignIn"
JOIN = "/proctorium.session.v1.LobbyService/JoinSession"
ORGANISATION = "/proctorium.enrollment.v1.OrganisationService/GetOrganisation"
FORMER_LIMIT = 1024
"""Envoy's limit of open requests to a cluster where none is set."""
STREAMS_OF_A_CONNECTION = 100
HEAP = 192 * MIB
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_unfinished_watches_do_not_use_up_a_service(world: World) -> None:
    connections = [
        await world.connect() for _ in range(FORMER_LIMIT // STREAMS_OF_A_CONNECTION + 2)
    ]
    for _, writer in connections:
        writer.write(PREFACE + frame(SETTINGS, 0, 0, b""))
        for number in range(STREAMS_OF_A_CONNECTION):
            head = header_block(WATCH, dict(world.authorization))
            writer.write(frame(HEADERS, END_HEADERS, 2 * number + 1, head))
    await asyncio.gather(*(_settled(connection) for connection in connections))
    world.behind.metadata = {}
    await world.call(JOIN)
    assert world.behind.metadata
    for _, writer in connections:
        writer.close()


async def _settled(connection: Connection) -> None:
    """Wait until the edge has read what was sent before: it answers pings in order."""
    reader, writer = connection
    ping, acknowledged = 6, b"\0\0\x08\x06\x01"
    writer.write(frame(ping, 0, 0, b"8 bytes."))
    received = b""
    while acknowledged not in received:
        more = await reader.read(65_536)
        assert more
        received += more


async def test_a_watch_that_is_not_finished_ends(tmp_path: Path) -> None:
    async with running_edge(tmp_path, watch_idle_seconds=0.5) as world:
        head, closed = await _unfinished(world, WATCH)
        assert b"DEADLINE" not in head
        assert closed
        assert world.behind.metadata == {}


async def test_a_body_that_never_ends_is_given_up(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as world:
        for method in (ME, EVIDENCE, SIGN_IN):
            head, _ = await _unfinished(world, method)
            assert b" 200 " in head.split(b"\r\n")[0]
            assert b"grpc-status: 4" in head


async def _unfinished(world: World, method: str) -> tuple[bytes, bool]:
    """Send a gRPC-Web call without the end of its body; return the response's headers, and whether the connection was closed."""
    reader, writer = await world.connect()
    lines = [
        f"POST {method} HTTP/1.1",
        "host: localhost",
        "content-type: application/grpc-web+proto",
        "content-length: 1000",
        *_lines(world),
    ]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\nonly this")
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        rest = await reader.read()
    writer.close()
    return head, rest == b""


async def test_what_is_open_to_everybody_takes_small_requests_only(world: World) -> None:
    await world.call(SIGN_IN, bytes(60 * 1024))
    with pytest.raises(grpc.aio.AioRpcError) as large:
        await world.call(SIGN_IN, bytes(70 * 1024))
    assert error_of(large.value).reason == "MESSAGE_TOO_LARGE"
    page = await world.browser.post("/courses", content=bytes(70 * 1024))
    assert page.status_code == 413


async def test_unfinished_uploads_take_bounded_memory(tmp_path: Path) -> None:
    async with running_edge(tmp_path, heap_bytes=HEAP, call_seconds=5.0) as world:
        uploads = [asyncio.create_task(_upload(world, 16 * MIB)) for _ in range(60)]
        most = 0
        done: set[asyncio.Task[None]] = set()
        while len(done) < len(uploads):
            done, _ = await asyncio.wait(uploads, timeout=0.1)
            most = max(most, world.memory)
        assert most < 1.5 * HEAP
        await world.call(ME)


async def _upload(world: World, size: int) -> None:
    """Send all but the last byte of an upload; return when the edge accepted it or aborted it."""
    _, writer = await world.connect()
    lines = [
        f"POST {EVIDENCE} HTTP/1.1",
        "host: localhost",
        "content-type: application/grpc-web+proto",
        f"content-length: {size + 1}",
        *_lines(world),
    ]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    with suppress(ConnectionError):
        for _ in range(size // MIB):
            writer.write(bytes(MIB))
            await writer.drain()
    writer.close()


async def test_an_address_that_asks_too_often_is_refused_and_others_are_not(tmp_path: Path) -> None:
    rates = {
        **dict.fromkeys([*Kind, "pages"], Rate(burst=1000, per_second=1000)),
        Kind.CALLS: Rate(burst=3, per_second=1),
    }
    async with running_edge(tmp_path, rates=rates) as world:
        statuses = [(await world.json(ME)).status_code for _ in range(5)]
        assert statuses[:3] == [200, 200, 200]
        assert 429 in statuses[3:]
        refused = await world.json(ME)
        assert refused.json()["details"][0]["reason"] == "TOO_MANY_REQUESTS"
        assert (await _status_from(world, "127.0.0.2")) == b"200"
        assert (await world.json(SIGN_IN)).status_code == 200, "each route counts for itself"


async def test_sign_ins_of_an_address_have_a_limit_of_their_own(tmp_path: Path) -> None:
    rates = {
        **dict.fromkeys([*Kind, "pages"], Rate(burst=1000, per_second=1000)),
        Kind.SIGN_INS: Rate(burst=3, per_second=1, ipv6_prefix=48),
    }
    async with running_edge(tmp_path, trusted_hops=1, rates=rates) as world:

        async def status(method: str, address: str) -> int:
            return (await world.json(method, **{"x-forwarded-for": address})).status_code

        assert [await status(SIGN_IN, "192.0.2.1") for _ in range(3)] == [200] * 3
        refused = await world.json(SIGN_IN, **{"x-forwarded-for": "192.0.2.1"})
        assert refused.json()["details"][0]["reason"] == "TOO_MANY_REQUESTS"
        assert await status(SIGN_IN, "192.0.2.2") == 200
        assert await status(ORGANISATION, "192.0.2.1") == 200, "other public methods stay available"
        # All that one customer may have of IPv6 is one address.
        statuses = [await status(SIGN_IN, f"2001:db8:1:{number:x}::1") for number in range(5)]
        assert statuses[:3] == [200] * 3
        assert 429 in statuses[3:]
        assert await status(SIGN_IN, "2001:db8:2::1") == 200


async def _status_from(world: World, source: str) -> bytes:
    reader, writer = await world.connect(source)
    with suppress(ConnectionError):
        writer.write(_json_call(world, ME))
        async with asyncio.timeout(10):
            line = await reader.readline()
        writer.close()
        return line.split(b" ")[1] if line else b""
    return b""


def _json_call(world: World, method: str) -> bytes:
    lines = [
        f"POST {method} HTTP/1.1",
        "host: localhost",
        "content-type: application/json",
        "content-length: 2",
        *_lines(world),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n{}"


def _lines(world: World) -> list[str]:
    return [f"{name}: {value}" for name, value in world.authorization]


async def test_an_address_has_so_many_connections_and_others_have_theirs(tmp_path: Path) -> None:
    most = 20
    async with running_edge(tmp_path, connections_per_address=most) as world:
        own = [await world.connect("127.0.0.9") for _ in range(most)]
        for connection in own:
            await _answered(world, connection, ME)
        assert await _status_from(world, "127.0.0.9") == b""
        others = [await _status_from(world, f"127.0.0.{number}") for number in range(20, 40)]
        assert others.count(b"200") > len(others) / 2
        own.pop()[1].close()
        async with asyncio.timeout(10):
            while await _status_from(world, "127.0.0.9") != b"200":
                await asyncio.sleep(0.02)
        for _, writer in own:
            writer.close()


async def test_a_connection_without_requests_ends(tmp_path: Path) -> None:
    async with running_edge(tmp_path, idle_seconds=0.5) as world:
        reader, writer = await world.connect()
        await _answered(world, (reader, writer), ME)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


@pytest.mark.usefixtures("many_files")
async def test_a_class_behind_one_address_is_let_in(tmp_path: Path) -> None:
    learners, connections_of_each = 1_000, 6
    async with running_edge(tmp_path, call_seconds=30.0) as world:
        opened: list[Connection] = []
        for _ in range(learners):
            opened += await asyncio.gather(*(world.connect() for _ in range(connections_of_each)))
        for reader, writer in opened:
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            async with asyncio.timeout(30):
                assert await reader.readuntil(b"\r\n\r\n"), "the connection was let in"
        for number, method in enumerate((ORGANISATION, ME)):
            for first in range(0, learners, 200):
                part = opened[number * learners + first :][:200]
                await asyncio.gather(*(_answered(world, connection, method) for connection in part))
        assert world.settings.rates[Kind.PUBLIC].burst >= 4 * learners
        assert world.settings.rates[Kind.CALLS].burst >= 20 * learners
        assert world.settings.rates[Kind.SIGN_INS].burst >= 2 * learners
        for _, writer in opened:
            writer.close()


async def _answered(world: World, connection: Connection, method: str) -> None:
    """Call a method; raise AssertionError where it is refused."""
    reader, writer = connection
    writer.write(_json_call(world, method))
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2)
    assert b" 200 " in head.split(b"\r\n")[0], head


async def test_limits_of_an_address_are_those_of_its_client_behind_a_trusted_proxy(
    tmp_path: Path,
) -> None:
    rates = dict.fromkeys([*Kind, "pages"], Rate(burst=2, per_second=1))
    async with running_edge(tmp_path, trusted_hops=1, rates=rates) as world:
        for _ in range(3):
            refused = await world.json(ME, **{"x-forwarded-for": "192.0.2.1"})
        assert refused.status_code == 429
        assert (await world.json(ME, **{"x-forwarded-for": "192.0.2.2"})).status_code == 200
        assert world.behind.metadata["x-forwarded-for"] == "192.0.2.2"


async def test_an_address_of_ones_own_making_is_not_believed(tmp_path: Path) -> None:
    rates = dict.fromkeys([*Kind, "pages"], Rate(burst=2, per_second=1))
    async with running_edge(tmp_path, rates=rates) as world:
        for number in range(3):
            answer = await world.json(ME, **{"x-forwarded-for": f"192.0.2.{number}"})
        assert answer.status_code == 429
        assert world.behind.metadata["x-forwarded-for"] == LOOPBACK
