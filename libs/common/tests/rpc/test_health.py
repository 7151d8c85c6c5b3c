"""Test the health of a service: required checks, degrading checks, and the reports of failed checks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import grpc
import pytest
import structlog
from structlog.testing import LogCapture, capture_logs

from proctorium_common.rpc.health import LIVE, Check, Health, Weight
from proctorium_common.tasks import end
from proctorium_common.telemetry.metrics import Metrics

from .health_stub import status
from .serving import serving

NAME = "proctorium.test.v1.EchoService"


class Dependency:
    """A fake dependency of a service, which fails while `error` is set."""

    def __init__(self) -> None:
        self.error: str | None = None

    async def probe(self) -> None:
        if self.error is not None:
            raise RuntimeError(self.error)


async def test_server_is_live_and_not_ready_before_the_first_check() -> None:
    async with serving(ready=False) as served, grpc.aio.insecure_channel(served.address) as plain:
        assert await status(plain, "") == "NOT_SERVING"
        assert await status(plain, NAME) == "NOT_SERVING"
        assert await status(plain, LIVE) == "SERVING"


async def test_readiness_follows_a_required_check() -> None:
    database = Dependency()
    async with serving(ready=False) as served, grpc.aio.insecure_channel(served.address) as plain:
        served.health.add(Check("database", database.probe))
        watch = asyncio.create_task(served.health.watch())
        await served.health.wait_for(lambda state: state.ready)
        assert await status(plain, NAME) == "SERVING"
        database.error = "connection refused"
        state = await served.health.wait_for(lambda state: not state.ready)
        assert state.failing == {"database": "connection refused"}
        assert await status(plain, NAME) == "NOT_SERVING"
        assert await status(plain, "") == "NOT_SERVING"
        assert await status(plain, LIVE) == "SERVING"
        database.error = None
        await served.health.wait_for(lambda state: state.ready)
        assert await status(plain, NAME) == "SERVING"
        await end(watch)


async def test_failed_degrading_check_keeps_the_service_ready() -> None:
    nats = Dependency()
    async with serving(ready=False) as served, grpc.aio.insecure_channel(served.address) as plain:
        served.health.add(Check("nats", nats.probe, Weight.DEGRADING))
        nats.error = "unreachable"
        with capture_logs() as lines:
            # One failure does not degrade the service.
            assert not (await served.health.check_now()).degraded
            for _ in range(4):
                state = await served.health.check_now()
        assert (state.ready, state.degraded) == (True, True)
        assert await status(plain, NAME) == "SERVING"
    assert {
        "event": "check_failing",
        "check": "nats",
        "error": "unreachable",
        "log_level": "warning",
    } in lines


async def test_single_failed_check_is_tolerated() -> None:
    health = _health()
    database = Dependency()
    health.add(Check("database", database.probe))
    assert (await health.check_now()).ready
    database.error = "too busy"
    assert (await health.check_now()).ready
    assert not (await health.check_now()).ready


async def test_check_that_never_returns_fails() -> None:
    health = _health()

    async def silent() -> None:
        await asyncio.Event().wait()

    health.add(Check("database", silent))
    async with asyncio.timeout(5):
        assert not (await health.check_now()).ready


async def test_failing_checks_are_logged_with_backoff(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Use a new logger. The logger of the module keeps the configuration of its first use, which may be in an earlier
    # test.
    captured = LogCapture()
    levels_from = structlog.make_filtering_bound_logger(logging.DEBUG)
    own = structlog.wrap_logger(None, processors=[captured], wrapper_class=levels_from)
    monkeypatch.setattr("proctorium_common.rpc.health._log", own)
    health = _health()
    database = Dependency()
    database.error = "unreachable"
    health.add(Check("database", database.probe))
    watch = asyncio.create_task(health.watch())
    rounds = 0
    async with asyncio.timeout(5):
        while rounds < 40:
            await health.wait_for(_next_round(health))
            rounds += 1
    await end(watch)
    waits = [line for line in captured.entries if line["event"] == "service_waiting"]
    assert waits[0]["failing"] == {"database": "unreachable"}
    assert 3 <= len(waits) <= 8
    # The first log lines have the level info, because a short wait at the start of a service is normal. Later log lines
    # are warnings.
    levels = [line["log_level"] for line in waits]
    assert levels[0] == "info"
    assert levels[-1] == "warning"
    assert levels == sorted(levels), "no info after the first warning"


async def test_each_check_is_a_metric() -> None:
    health = _health()
    nats = Dependency()
    nats.error = "unreachable"
    health.add(Check("database", Dependency().probe))
    health.add(Check("nats", nats.probe, Weight.DEGRADING))
    assert list(health._observe()) == [], "nothing is known before the first round"
    for _ in range(5):
        await health.check_now()
    observed = {(found.attributes or {})["check"]: found.value for found in health._observe()}
    assert observed == {"database": 1, "nats": 0}


async def test_probe_port_serves_health_only(free_port: Callable[[], int]) -> None:
    from .echo import pb, stubs

    address = f"127.0.0.1:{free_port()}"
    async with serving(probe_address=address), grpc.aio.insecure_channel(address) as plain:
        assert await status(plain, "") == "SERVING"
        call = stubs.EchoServiceStub(plain).Echo(pb.EchoRequest())
        assert await _code(call) is grpc.StatusCode.UNIMPLEMENTED


def _health() -> Health:
    structlog.reset_defaults()
    return Health(Metrics("test"), interval_seconds=0.01)


def _next_round(health: Health) -> Callable[[object], bool]:
    before = health.state
    return lambda state: state is not before


async def _code(call: Awaitable[object]) -> grpc.StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as failed:
        return failed.code()
    return grpc.StatusCode.OK
