"""Health follows the parts of a service: which must be well, which only should, and how that is said."""

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


class Part:
    """Something that a service depends on."""

    def __init__(self) -> None:
        self.wrong: str | None = None

    async def probe(self) -> None:
        if self.wrong is not None:
            raise RuntimeError(self.wrong)


async def test_before_the_first_round_it_is_alive_and_not_ready() -> None:
    async with serving(ready=False) as served, grpc.aio.insecure_channel(served.address) as plain:
        assert await status(plain, "") == "NOT_SERVING"
        assert await status(plain, NAME) == "NOT_SERVING"
        assert await status(plain, LIVE) == "SERVING"


async def test_ready_follows_a_required_part() -> None:
    database = Part()
    async with serving(ready=False) as served, grpc.aio.insecure_channel(served.address) as plain:
        served.health.add(Check("database", database.probe))
        watch = asyncio.create_task(served.health.watch())
        await served.health.until(lambda state: state.ready)
        assert await status(plain, NAME) == "SERVING"
        database.wrong = "connection refused"
        state = await served.health.until(lambda state: not state.ready)
        assert state.failing == {"database": "connection refused"}
        assert await status(plain, NAME) == "NOT_SERVING"
        assert await status(plain, "") == "NOT_SERVING"
        assert await status(plain, LIVE) == "SERVING"
        database.wrong = None
        await served.health.until(lambda state: state.ready)
        assert await status(plain, NAME) == "SERVING"
        await end(watch)


async def test_without_nats_it_is_degraded_and_goes_on_answering() -> None:
    nats = Part()
    async with serving(ready=False) as served, grpc.aio.insecure_channel(served.address) as plain:
        served.health.add(Check("nats", nats.probe, Weight.DEGRADING))
        nats.wrong = "away"
        with capture_logs() as lines:
            assert not (await served.health.check_now()).degraded  # it may come up a little later
            for _ in range(4):
                state = await served.health.check_now()
        assert (state.ready, state.degraded) == (True, True)
        assert await status(plain, NAME) == "SERVING"
    assert {
        "event": "check_failing",
        "check": "nats",
        "error": "away",
        "log_level": "warning",
    } in lines


async def test_one_bad_round_of_a_part_that_was_well_is_forgiven() -> None:
    health = _health()
    database = Part()
    health.add(Check("database", database.probe))
    assert (await health.check_now()).ready
    database.wrong = "too busy"
    assert (await health.check_now()).ready
    assert not (await health.check_now()).ready


async def test_a_part_that_never_answers_fails_like_one_that_says_no() -> None:
    health = _health()

    async def silent() -> None:
        await asyncio.Event().wait()

    health.add(Check("database", silent))
    async with asyncio.timeout(5):
        assert not (await health.check_now()).ready


async def test_what_is_missing_is_said_again_and_again_but_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Of its own: the module's logger goes on with the configuration that it was first used with, whichever test that
    # was.
    captured = LogCapture()
    levels_from = structlog.make_filtering_bound_logger(logging.DEBUG)
    own = structlog.wrap_logger(None, processors=[captured], wrapper_class=levels_from)
    monkeypatch.setattr("proctorium_common.rpc.health.log", own)
    health = _health()
    database = Part()
    database.wrong = "away"
    health.add(Check("database", database.probe))
    watch = asyncio.create_task(health.watch())
    rounds = 0
    async with asyncio.timeout(5):
        while rounds < 40:
            await health.until(_next_round(health))
            rounds += 1
    await end(watch)
    said = [line for line in captured.entries if line["event"] == "service_waits"]
    assert said[0]["missing"] == {"database": "away"}
    assert 3 <= len(said) <= 8
    # What starts beside it may take a moment, at every start; what takes longer is worth a warning.
    levels = [line["log_level"] for line in said]
    assert levels[0] == "info"
    assert levels[-1] == "warning"
    assert levels == sorted(levels), "no info after the first warning"


async def test_each_part_is_a_metric() -> None:
    health = _health()
    nats = Part()
    nats.wrong = "away"
    health.add(Check("database", Part().probe))
    health.add(Check("nats", nats.probe, Weight.DEGRADING))
    for _ in range(5):
        await health.check_now()
    observed = {(found.attributes or {})["check"]: found.value for found in health._observe()}
    assert observed == {"database": 1, "nats": 0}


async def test_a_probe_port_tells_health_and_nothing_else(free_port: Callable[[], int]) -> None:
    from .echo import pb, stubs

    address = f"127.0.0.1:{free_port()}"
    async with serving(probe_address=address), grpc.aio.insecure_channel(address) as plain:
        assert await status(plain, "") == "SERVING"
        call = stubs.EchoServiceStub(plain).Echo(pb.EchoRequest())
        assert await _code(call) is grpc.StatusCode.UNIMPLEMENTED


def _health() -> Health:
    structlog.reset_defaults()
    return Health(Metrics("test"), every_seconds=0.01)


def _next_round(health: Health) -> Callable[[object], bool]:
    before = health.state
    return lambda state: state is not before


async def _code(call: Awaitable[object]) -> grpc.StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as failed:
        return failed.code()
    return grpc.StatusCode.OK
