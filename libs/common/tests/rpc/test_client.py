"""Test the client channel: deadlines, tokens, safe retries, and load balancing over healthy replicas."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import pytest

from proctorium_common.errors import Kind, unavailable
from proctorium_common.rpc.caller import Call, Caller, calling, current_call
from proctorium_common.rpc.client import channel, service_config
from proctorium_common.rpc.health import Check
from proctorium_common.security.tls import NotLoopbackError
from proctorium_common.telemetry.metrics import Metrics
from proctorium_devstack.testing.refusals import refusal

from .echo import pb, stubs
from .serving import PERSON, serving


async def test_plaintext_channel_to_another_host_is_refused() -> None:
    with pytest.raises(NotLoopbackError):
        channel("enrollment.example:443")


async def test_call_without_a_timeout_has_the_default_deadline() -> None:
    async with (
        serving(_never) as served,
        served.channel(default_deadline=timedelta(seconds=0.2)) as quick,
    ):
        error = await refusal(stubs.EchoServiceStub(quick).Change(pb.EchoRequest()))
    assert error.kind is Kind.TIMED_OUT


async def test_nested_call_inherits_the_remaining_time() -> None:
    import time

    seen: list[float] = []

    async def behavior(request: Any, context: Any) -> Any:
        left = current_call().remaining()
        assert left is not None
        seen.append(left)
        return pb.EchoResponse()

    async with serving(behavior) as served, served.channel() as opened:
        with calling(Call(Caller(), "/a/B", time.monotonic() + 1)):
            await stubs.EchoServiceStub(opened).Echo(pb.EchoRequest(), timeout=60)
    assert seen[0] < 1


async def test_bearer_token_is_obtained_for_each_call() -> None:
    seen: list[UUID | None] = []

    async def behavior(request: Any, context: Any) -> Any:
        seen.append(current_call().caller.person_id)
        return pb.EchoResponse()

    async with serving(behavior) as served:
        tokens = iter([served.token("learner"), served.token("learner")])
        async with served.channel(bearer=lambda: next(tokens)) as opened:
            for _ in range(2):
                await stubs.EchoServiceStub(opened).AsAnybody(pb.EchoRequest())
    assert seen == [PERSON, PERSON]


@pytest.mark.parametrize(("method", "tries"), [("Echo", 3), ("Change", 1)])
async def test_only_idempotent_methods_are_retried(method: str, tries: int) -> None:
    calls: list[str] = []

    async def behavior(request: Any, context: Any) -> Any:
        calls.append(method)
        raise unavailable("DATABASE_UNAVAILABLE", "Not now.")

    async with serving(behavior) as served, served.channel() as opened:
        error = await refusal(getattr(stubs.EchoServiceStub(opened), method)(pb.EchoRequest()))
    assert error.reason == "DATABASE_UNAVAILABLE"
    assert len(calls) == tries


async def test_successful_retry_hides_the_first_failure() -> None:
    failures = iter([True, False])

    async def behavior(request: Any, context: Any) -> Any:
        if next(failures):
            raise unavailable("DATABASE_UNAVAILABLE", "Not now.")
        return pb.EchoResponse(text="now")

    async with serving(behavior) as served, served.channel() as opened:
        assert (await stubs.EchoServiceStub(opened).Echo(pb.EchoRequest())).text == "now"


def test_service_config_names_the_retryable_methods() -> None:
    config = service_config("proctorium.test.v1.EchoService")
    assert config["healthCheckConfig"] == {"serviceName": "proctorium.test.v1.EchoService"}
    assert config["methodConfig"][0]["name"] == [  # type: ignore[index]  # parsed JSON
        {"service": "proctorium.test.v1.EchoService", "method": "Echo"}
    ]


async def test_call_waits_for_a_slow_connection() -> None:
    async with (
        serving(_empty) as served,
        _slow_connections_to(served.address, 0.8) as address,
        channel(address) as opened,
    ):
        assert await stubs.EchoServiceStub(opened).Change(pb.EchoRequest()) == pb.EchoResponse()


@asynccontextmanager
async def _slow_connections_to(address: str, seconds: float) -> AsyncIterator[str]:
    """Yield the address of a proxy that forwards each connection to `address` only after `seconds`."""
    host, port = address.rsplit(":", 1)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        with contextlib.suppress(OSError):
            from_server, to_server = await asyncio.open_connection(host, int(port))
            await asyncio.gather(_copy(reader, to_server), _copy(from_server, writer))

    proxy = await asyncio.start_server(forward, "127.0.0.1", 0)
    async with proxy:
        yield f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


async def test_calls_are_balanced_over_ready_replicas() -> None:
    served_by: list[str] = []

    def named(name: str) -> Any:
        async def behavior(request: Any, context: Any) -> Any:
            served_by.append(name)
            return pb.EchoResponse()

        return behavior

    failures: list[str] = []

    async def probe() -> None:
        if failures:
            raise RuntimeError(failures[0])

    async with serving(named("first")) as first, serving(named("second")) as second:
        both = f"ipv4:{first.address},{second.address}"
        async with _two(both) as opened:
            stub = stubs.EchoServiceStub(opened)
            async with asyncio.timeout(10):
                while set(served_by) != {"first", "second"}:
                    await stub.Echo(pb.EchoRequest(), wait_for_ready=True)
            first.health.add(Check("database", probe))
            failures.append("unreachable")
            await first.health.check_now()
            async with asyncio.timeout(10):
                while served_by[-3:] != ["second"] * 3:
                    await stub.Echo(pb.EchoRequest())


def _two(address: str) -> Any:
    from proctorium_common.rpc.client import Channel

    return Channel(
        address,
        credentials=None,
        server=None,
        metrics=Metrics("test"),
        default_seconds=5,
        bearer=None,
    )


async def test_server_with_another_services_certificate_is_refused(tmp_path: Path) -> None:
    async with serving(tls=tmp_path) as served:
        certificates = served.certificates["session"]
        async with channel(
            served.address, certificates=certificates, server="enrollment"
        ) as opened:
            error = await refusal(stubs.EchoServiceStub(opened).Change(pb.EchoRequest(), timeout=2))
    assert error.kind is Kind.UNAVAILABLE


class CountedCalls(Metrics):
    """Metrics that store the calls, so that a test can read them."""

    def __init__(self) -> None:
        super().__init__("test")
        self.calls: set[tuple[str, str]] = set()

    def record_called(self, method: str, code: str, seconds: float) -> None:
        self.calls.add((method, code))


async def test_client_errors_are_counted_with_their_code() -> None:
    metrics = CountedCalls()
    async with serving(_never) as served, served.channel(metrics=metrics) as opened:
        stub = stubs.EchoServiceStub(opened)
        await refusal(stub.AsProctor(pb.EchoRequest()))
        await stub.Talk(_no_requests()).read()
    assert metrics.calls == {
        ("/proctorium.test.v1.EchoService/AsProctor", "UNAUTHENTICATED"),
        ("/proctorium.test.v1.EchoService/Talk", "OK"),
    }


async def _never(request: Any, context: Any) -> Any:
    await asyncio.Event().wait()


async def _no_requests() -> Any:
    return
    yield


async def test_channel_becomes_ready_with_the_service() -> None:
    async with serving(ready=False) as served, served.channel() as opened:
        stub = stubs.EchoServiceStub(opened)
        waiting = asyncio.ensure_future(opened.channel_ready())
        error = await refusal(stub.Change(pb.EchoRequest()))
        assert error.kind is Kind.UNAVAILABLE
        assert not waiting.done()
        await served.health.check_now()
        await asyncio.wait_for(waiting, 5)
        assert opened.get_state() is grpc.ChannelConnectivity.READY
        await stub.Change(pb.EchoRequest())


async def _empty(request: Any, context: Any) -> Any:
    return pb.EchoResponse()
