"""The channel: deadlines, the trace, tokens, retries where they are safe, replicas in turn, only healthy ones."""

from __future__ import annotations

import asyncio
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


async def test_plaintext_to_another_machine_is_refused() -> None:
    with pytest.raises(NotLoopbackError):
        channel("enrollment.example:443")


async def test_a_call_without_a_timeout_gets_the_default_deadline() -> None:
    async with (
        serving(_never) as served,
        served.channel(default_deadline=timedelta(seconds=0.2)) as quick,
    ):
        error = await refusal(stubs.EchoServiceStub(quick).Change(pb.EchoRequest()))
    assert error.kind is Kind.TIMED_OUT


async def test_a_call_has_no_more_time_than_the_call_it_is_made_in() -> None:
    import time

    seen: list[float] = []

    async def behavior(request: Any, context: Any) -> Any:
        left = current_call().remaining()
        assert left is not None
        seen.append(left)
        return pb.EchoResponse()

    async with serving(behavior) as served, served.channel() as asked:
        with calling(Call(Caller(), "/a/B", time.monotonic() + 1)):
            await stubs.EchoServiceStub(asked).Echo(pb.EchoRequest(), timeout=60)
    assert seen[0] < 1


async def test_the_token_is_asked_for_at_each_call() -> None:
    seen: list[UUID | None] = []

    async def behavior(request: Any, context: Any) -> Any:
        seen.append(current_call().caller.person_id)
        return pb.EchoResponse()

    async with serving(behavior) as served:
        tokens = iter([served.token("learner"), served.token("learner")])
        async with served.channel(bearer=lambda: next(tokens)) as asked:
            for _ in range(2):
                await stubs.EchoServiceStub(asked).AsAnybody(pb.EchoRequest())
    assert seen == [PERSON, PERSON]


@pytest.mark.parametrize(("method", "attempts"), [("Echo", 3), ("Change", 1)])
async def test_only_what_changes_nothing_is_tried_again(method: str, attempts: int) -> None:
    made: list[str] = []

    async def behavior(request: Any, context: Any) -> Any:
        made.append(method)
        raise unavailable("DATABASE_UNAVAILABLE", "Not now.")

    async with serving(behavior) as served, served.channel() as asked:
        error = await refusal(getattr(stubs.EchoServiceStub(asked), method)(pb.EchoRequest()))
    assert error.reason == "DATABASE_UNAVAILABLE"
    assert len(made) == attempts


async def test_a_try_that_fails_and_one_that_works_are_a_success() -> None:
    failures = iter([True, False])

    async def behavior(request: Any, context: Any) -> Any:
        if next(failures):
            raise unavailable("DATABASE_UNAVAILABLE", "Not now.")
        return pb.EchoResponse(text="now")

    async with serving(behavior) as served, served.channel() as asked:
        assert (await stubs.EchoServiceStub(asked).Echo(pb.EchoRequest())).text == "now"


def test_the_service_config_names_the_methods_that_may_be_tried_again() -> None:
    config = service_config("proctorium.test.v1.EchoService")
    assert config["healthCheckConfig"] == {"serviceName": "proctorium.test.v1.EchoService"}
    assert config["methodConfig"][0]["name"] == [  # type: ignore[index]  # JSON
        {"service": "proctorium.test.v1.EchoService", "method": "Echo"}
    ]


async def test_replicas_answer_in_turn_and_only_ready_ones() -> None:
    answered: list[str] = []

    def named(name: str) -> Any:
        async def behavior(request: Any, context: Any) -> Any:
            answered.append(name)
            return pb.EchoResponse()

        return behavior

    broken: list[str] = []

    async def probe() -> None:
        if broken:
            raise RuntimeError(broken[0])

    async with serving(named("first")) as first, serving(named("second")) as second:
        both = f"ipv4:{first.address},{second.address}"
        async with _two(both) as asked:
            stub = stubs.EchoServiceStub(asked)
            async with asyncio.timeout(10):
                while set(answered) != {"first", "second"}:
                    await stub.Echo(pb.EchoRequest(), wait_for_ready=True)
            first.health.add(Check("database", probe))
            broken.append("away")
            await first.health.check_now()
            async with asyncio.timeout(10):
                while answered[-3:] != ["second"] * 3:
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


async def test_the_other_end_must_be_the_service_that_was_meant(tmp_path: Path) -> None:
    async with serving(tls=tmp_path) as served:
        certificates = served.certificates["session"]
        async with channel(served.address, certificates=certificates, server="enrollment") as asked:
            error = await refusal(stubs.EchoServiceStub(asked).Change(pb.EchoRequest(), timeout=2))
    assert error.kind is Kind.UNAVAILABLE


class CountedCalls(Metrics):
    """Metrics that keep what they were told."""

    def __init__(self) -> None:
        super().__init__("test")
        self.calls: set[tuple[str, str]] = set()

    def record_called(self, method: str, code: str, seconds: float) -> None:
        self.calls.add((method, code))


async def test_an_error_of_the_client_is_counted_with_its_code() -> None:
    metrics = CountedCalls()
    async with serving(_never) as served, served.channel(metrics=metrics) as asked:
        stub = stubs.EchoServiceStub(asked)
        await refusal(stub.AsProctor(pb.EchoRequest()))
        await stub.Talk(_nothing()).read()
    assert metrics.calls == {
        ("/proctorium.test.v1.EchoService/AsProctor", "UNAUTHENTICATED"),
        ("/proctorium.test.v1.EchoService/Talk", "OK"),
    }


async def _never(request: Any, context: Any) -> Any:
    await asyncio.Event().wait()


async def _nothing() -> Any:
    return
    yield


async def test_channels_are_ready_when_the_service_is() -> None:
    async with serving(ready=False) as served, served.channel() as asked:
        stub = stubs.EchoServiceStub(asked)
        waiting = asyncio.ensure_future(asked.channel_ready())
        error = await refusal(stub.Change(pb.EchoRequest()))
        assert error.kind is Kind.UNAVAILABLE
        assert not waiting.done()
        await served.health.check_now()
        await asyncio.wait_for(waiting, 5)
        assert asked.get_state() is grpc.ChannelConnectivity.READY
        await stub.Change(pb.EchoRequest())
