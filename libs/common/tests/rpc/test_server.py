"""Test the server: admission, refusals, errors, deadlines, streams and the call log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from proctorium_common.errors import Kind, ServiceError, exhausted, invalid_transition
from proctorium_common.rpc.access import MissingAccessRuleError
from proctorium_common.rpc.caller import Call, current_call
from proctorium_common.rpc.health import Health
from proctorium_common.rpc.server import AddressInUseError, Endpoint, Server, ServerLimits
from proctorium_common.security.keys import KeyRing
from proctorium_common.security.tls import NotLoopbackError
from proctorium_common.security.tokens import TokenVerifier
from proctorium_common.telemetry import Telemetry
from proctorium_common.telemetry.logs import CallLog
from proctorium_common.telemetry.metrics import Metrics
from proctorium_common.telemetry.traces import NOT_TRACING
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import until

from .echo import pb, stubs
from .serving import PERSON, bearer, serving


def raising(failure: Exception) -> Any:
    async def behavior(request: Any, context: Any) -> Any:
        raise failure

    return behavior


def _server(address: str = "127.0.0.1:0") -> Server:
    telemetry = Telemetry(NOT_TRACING, Metrics("test"))
    return Server(
        Endpoint(address),
        telemetry=telemetry,
        tokens=TokenVerifier(KeyRing.of()),
        health=Health(telemetry.metrics),
        call_log=CallLog(),
    )


async def test_method_without_an_access_rule_is_refused_at_start() -> None:
    with pytest.raises(
        MissingAccessRuleError, match=r"OpenService\.Enter does not say who may call it"
    ):
        _server().add(stubs.add_OpenServiceServicer_to_server, stubs.OpenServiceServicer())


async def test_plaintext_on_a_network_address_is_refused() -> None:
    server = _server("0.0.0.0:0")
    with pytest.raises(NotLoopbackError, match="PROCTORIUM_TLS_CERTIFICATE"):
        await server.start()
    await server.stop()


async def test_address_in_use_is_named() -> None:
    async with serving() as taken:
        server = _server(taken.address)
        with pytest.raises(AddressInUseError, match=taken.address):
            await server.start()
        await server.stop()


@pytest.mark.parametrize("method", ["AsAnybody", "AsProctor"])
async def test_call_without_a_token_is_refused(method: str) -> None:
    async with serving() as served, served.channel() as channel:
        call = getattr(stubs.EchoServiceStub(channel), method)
        error = await refusal(call(pb.EchoRequest()))
    assert (error.kind, error.reason) == (Kind.UNAUTHENTICATED, "TOKEN_MISSING")


async def test_caller_without_the_role_is_refused() -> None:
    async with serving() as served, served.channel() as channel:
        stub = stubs.EchoServiceStub(channel)
        metadata = bearer(served.token("learner"))
        await stub.AsAnybody(pb.EchoRequest(), metadata=metadata)
        error = await refusal(stub.AsProctor(pb.EchoRequest(), metadata=metadata))
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")


async def test_servicer_receives_caller_and_remaining_time() -> None:
    seen: list[Call] = []

    async def behavior(request: Any, context: Any) -> Any:
        seen.append(current_call())
        return pb.EchoResponse()

    async with serving(behavior) as served, served.channel() as channel:
        stub = stubs.EchoServiceStub(channel)
        metadata = bearer(served.token("proctor", "learner"))
        for _ in range(2):  # the server finds the token of the second call in its cache
            await stub.AsProctor(pb.EchoRequest(), metadata=metadata, timeout=2)
    for call in seen:
        assert call.caller.person_id == PERSON
        assert call.caller.roles == {"proctor", "learner"}
        assert call.method == "/proctorium.test.v1.EchoService/AsProctor"
        remaining = call.remaining()
        assert remaining is not None
        # The server shortens the deadline by 50 ms, and gRPC rounds the timeout of the caller by at most 10 ms.
        assert remaining < 1.995


async def test_public_method_accepts_an_expired_token() -> None:
    async with serving() as served, served.channel() as channel:
        stub = stubs.EchoServiceStub(channel)
        old = bearer(served.token("learner", lifetime=timedelta(seconds=-60)))
        assert (await stub.Echo(pb.EchoRequest(text="in"), metadata=old)).text == "in"
        error = await refusal(stub.AsAnybody(pb.EchoRequest(), metadata=old))
    assert error.reason == "TOKEN_EXPIRED"


async def test_violation_names_its_field_and_rule() -> None:
    async with serving() as served, served.channel() as channel:
        error = await refusal(stubs.EchoServiceStub(channel).Echo(pb.EchoRequest(text="x" * 21)))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert [(found.field, found.rule) for found in error.violations] == [("text", "string.max_len")]


async def test_text_with_a_zero_character_is_refused() -> None:
    async with serving() as served, served.channel() as channel:
        error = await refusal(stubs.EchoServiceStub(channel).Echo(pb.EchoRequest(text="a\0b")))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert [(found.field, found.rule) for found in error.violations] == [("text", "string.zero")]


async def test_unparsable_request_is_refused_without_internal_details() -> None:
    async with (
        serving() as served,
        grpc.aio.insecure_channel(served.address) as plain,
    ):
        echo: Any = plain.unary_unary("/proctorium.test.v1.EchoService/Echo")
        error = await refusal(echo(b"\xff"))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert "Error" not in error.message


async def test_ids_are_logged_truncated_and_only_after_validation() -> None:
    async with serving() as served, served.channel() as channel:
        stub = stubs.EchoServiceStub(channel)
        await refusal(stub.Echo(pb.EchoRequest(text="x" * 21, session_id="a" * 1_000_000)))
        await stub.Echo(pb.EchoRequest(text="x", session_id="a" * 1_000_000))
        refused, accepted = served.log.lines
        spans = served.finished_spans()
    assert "session_id" not in refused
    assert len(accepted["session_id"]) == 64
    for span in spans:
        assert all(len(str(value)) < 256 for value in (span.attributes or {}).values())


async def test_too_large_message_is_refused() -> None:
    limits = ServerLimits(message_bytes=1024)
    async with serving(limits=limits) as served, served.channel() as channel:
        error = await refusal(stubs.EchoServiceStub(channel).Echo(pb.EchoRequest(text="x" * 2000)))
    assert (error.kind, error.reason) == (Kind.EXHAUSTED, "MESSAGE_TOO_LARGE")


async def test_service_error_reaches_the_client_unchanged() -> None:
    raised = exhausted(
        "TOO_MANY_FAILED_SIGN_INS",
        "Zu viele Versuche.",
        retry_after=timedelta(seconds=30),
        left="0",
    )
    async with serving(raising(raised)) as served, served.channel() as channel:
        error = await refusal(stubs.EchoServiceStub(channel).Echo(pb.EchoRequest()))
    assert (error.kind, error.reason, error.message) == (raised.kind, raised.reason, raised.message)
    assert error.metadata == {"left": "0"}
    assert error.retry_after == timedelta(seconds=30)


async def test_invalid_transition_lists_possible_actions() -> None:
    raised = invalid_transition(
        "It has ended.", from_state="ended", action="started", possible=["archived"]
    )
    async with serving(raising(raised)) as served, served.channel() as channel:
        error = await refusal(stubs.EchoServiceStub(channel).Echo(pb.EchoRequest()))
    assert error.kind is Kind.INVALID_STATE_TRANSITION
    assert error.metadata == {"from": "ended", "action": "started", "possible": "archived"}


async def test_unknown_exception_reveals_only_its_trace_id(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with (
        serving(raising(RuntimeError("the password is swordfish"))) as served,
        grpc.aio.insecure_channel(served.address) as plain,
    ):
        call = stubs.EchoServiceStub(plain).Echo(pb.EchoRequest())
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call
        trace_id = served.log.lines[0]["trace_id"]
    response = repr(failed.value) + repr(failed.value.trailing_metadata())
    assert failed.value.code() is grpc.StatusCode.INTERNAL
    assert trace_id in response
    assert "swordfish" not in response
    assert "RuntimeError" not in response
    assert "swordfish" in capsys.readouterr().out  # the log contains the stack trace


async def test_unreachable_dependency_is_unavailable() -> None:
    async def behavior(request: Any, context: Any) -> Any:
        async with grpc.aio.insecure_channel("127.0.0.1:1") as unreachable:
            return await stubs.EchoServiceStub(unreachable).Echo(request)

    async with serving(behavior) as served, served.channel() as channel:
        error = await refusal(stubs.EchoServiceStub(channel).Change(pb.EchoRequest()))
    assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")


async def test_method_without_implementation_is_unimplemented() -> None:
    server = _server()
    server.add(stubs.add_EchoServiceServicer_to_server, stubs.EchoServiceServicer())
    port = await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as plain:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await stubs.EchoServiceStub(plain).Echo(pb.EchoRequest())
    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED
    await server.stop()


async def test_call_with_too_little_time_is_refused_before_its_servicer() -> None:
    started: list[str] = []

    async def behavior(request: Any, context: Any) -> Any:
        started.append(request.text)
        return pb.EchoResponse()

    limits = ServerLimits(min_time_left=timedelta(seconds=60))
    async with serving(behavior, limits=limits) as served, served.channel() as channel:
        error = await refusal(stubs.EchoServiceStub(channel).Echo(pb.EchoRequest(), timeout=30))
    assert (error.kind, error.reason) == (Kind.TIMED_OUT, "DEADLINE_TOO_SHORT")
    assert started == []


async def test_slow_call_is_ended_before_the_clients_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "proctorium_common.rpc.calls.DEADLINE_MARGIN", 2
    )  # a margin that is large enough for busy machines
    cancelled = asyncio.Event()

    async def behavior(request: Any, context: Any) -> Any:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with serving(behavior) as served, served.channel() as channel:
        error = await refusal(stubs.EchoServiceStub(channel).Echo(pb.EchoRequest(), timeout=2.2))
        await asyncio.wait_for(cancelled.wait(), 5)
    assert error.kind is Kind.TIMED_OUT
    assert error.message.startswith(
        "The request took too long"
    )  # the message of the server, not of the client library


async def test_cancelled_call_cancels_the_servicer() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def behavior(request: Any, context: Any) -> Any:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with serving(behavior) as served, served.channel() as channel:
        call = stubs.EchoServiceStub(channel).Echo(pb.EchoRequest())
        await started.wait()
        call.cancel()
        await asyncio.wait_for(ended.wait(), 5)
        await until(lambda: served.log.lines)
    assert served.log.lines[0]["code"] == "CANCELLED"
    assert served.telemetry.metrics.in_flight == 0


async def test_streams_preserve_order() -> None:
    async with serving() as served, served.channel() as channel:
        stub = stubs.EchoServiceStub(channel)
        watched = [response.text async for response in stub.Watch(pb.EchoRequest(text="second"))]
        talked = [response.text async for response in stub.Talk(_requests("a", "b"))]
        gathered = (await stub.Gather(_requests("a", "b"))).text
    assert (watched, talked, gathered) == (["first", "second"], ["a", "b"], "ab")


@pytest.mark.parametrize("method", ["Talk", "Gather"])
async def test_each_message_of_a_stream_is_validated(method: str) -> None:
    async with serving() as served, served.channel() as channel:
        call = getattr(stubs.EchoServiceStub(channel), method)(_requests("a", "x" * 21))
        error = await refusal(_all(call) if method == "Talk" else call)
    assert error.reason == "INVALID_REQUEST"


async def test_cancelled_stream_ends_its_servicer() -> None:
    async def behavior(request: Any, context: Any) -> Any:
        await asyncio.Event().wait()

    async with serving(behavior) as served, served.channel() as channel:
        call = stubs.EchoServiceStub(channel).Watch(pb.EchoRequest())
        assert (await call.read()).text == "first"
        call.cancel()
        await until(lambda: served.servicer.watchers_left == 1)


async def test_cancelled_stream_with_pending_messages_ends_its_servicer() -> None:
    async with serving() as served, served.channel() as channel:
        call = stubs.EchoServiceStub(channel).Watch(pb.EchoRequest(text="flood"))
        assert (await call.read()).text == "first"
        call.cancel()
        await until(lambda: served.servicer.watchers_left == 1)


async def test_each_call_is_logged_in_one_line() -> None:
    async with serving() as served, served.channel() as channel:
        stub = stubs.EchoServiceStub(channel)
        await stub.Echo(
            pb.EchoRequest(text="an answer", session_id="s-1"),
            metadata=bearer(served.token("learner")),
        )
        await refusal(stub.AsProctor(pb.EchoRequest()))
    first, second = served.log.lines
    assert first["method"] == "/proctorium.test.v1.EchoService/Echo"
    assert (first["code"], second["code"]) == ("OK", "UNAUTHENTICATED")
    assert second["reason"] == "TOKEN_MISSING"
    assert first["caller"] == f"person:{PERSON}"
    assert first["session_id"] == "s-1"
    assert len(first["trace_id"]) == 32
    assert first["ms"] > 0
    assert "an answer" not in json.dumps(first)


async def test_certificate_identifies_the_calling_service(tmp_path: Path) -> None:
    seen: list[str | None] = []

    async def behavior(request: Any, context: Any) -> Any:
        seen.append(current_call().caller.service)
        return pb.EchoResponse()

    async with serving(behavior, tls=tmp_path) as served:
        async with served.channel(name="session") as channel:
            await stubs.EchoServiceStub(channel).AsService(pb.EchoRequest())
        async with served.channel(name="edge") as channel:
            stub = stubs.EchoServiceStub(channel)
            await stub.AsAnybody(pb.EchoRequest(), metadata=bearer(served.token("learner")))
            error = await refusal(stub.AsService(pb.EchoRequest()))
    assert seen == ["session", "edge"]
    assert error.reason == "NOT_ALLOWED"


async def test_service_that_may_not_call_is_refused(tmp_path: Path) -> None:
    async with serving(tls=tmp_path) as served, served.channel(name="notification") as channel:
        error = await refusal(stubs.EchoServiceStub(channel).Echo(pb.EchoRequest()))
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")


async def test_client_without_a_certificate_cannot_connect(tmp_path: Path) -> None:
    async with serving(tls=tmp_path) as served:
        stranger = grpc.ssl_channel_credentials((tmp_path / "ca.crt").read_bytes())
        async with grpc.aio.secure_channel(served.address, stranger) as channel:
            error = await refusal(stubs.EchoServiceStub(channel).Echo(pb.EchoRequest(), timeout=5))
    assert error.kind is Kind.UNAVAILABLE


async def test_person_cannot_call_a_method_for_services() -> None:
    async with serving() as served, served.channel() as channel:
        metadata = bearer(served.token("administrator"))
        call = stubs.EchoServiceStub(channel).AsService(pb.EchoRequest(), metadata=metadata)
        assert (await refusal(call)).reason == "NOT_ALLOWED"


async def test_reflection_and_channelz_are_served() -> None:
    from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    async with serving() as served, grpc.aio.insecure_channel(served.address) as plain:
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        stub = reflection_pb2_grpc.ServerReflectionStub(plain)
        [response] = [found async for found in stub.ServerReflectionInfo(_just(request))]
        names = {service.name for service in response.list_services_response.service}
        servers = await channelz_pb2_grpc.ChannelzStub(plain).GetServers(
            channelz_pb2.GetServersRequest()
        )
    assert {"proctorium.test.v1.EchoService", "grpc.health.v1.Health"} <= names
    assert len(servers.server) >= 1


async def test_calls_continue_when_a_connection_reaches_its_age() -> None:
    limits = ServerLimits(
        connection_age=timedelta(milliseconds=200), connection_grace=timedelta(seconds=5)
    )
    ports: set[str] = set()

    async def behavior(request: Any, context: Any) -> Any:
        ports.add(context.peer())
        return pb.EchoResponse()

    async with serving(behavior, limits=limits) as served, served.channel() as channel:
        stub = stubs.EchoServiceStub(channel)

        async def call_until_reconnected() -> None:
            while len(ports) < 2:
                await stub.Echo(pb.EchoRequest())
                await asyncio.sleep(0.01)

        await asyncio.wait_for(call_until_reconnected(), 10)


async def _all(call: Any) -> list[str]:
    return [response.text async for response in call]


async def _requests(*texts: str) -> AsyncIterator[Any]:
    for text in texts:
        yield pb.EchoRequest(text=text)


async def _just(request: Any) -> AsyncIterator[Any]:
    yield request


async def test_errors_without_details_are_converted() -> None:
    async with grpc.aio.insecure_channel("127.0.0.1:1") as unreachable:
        error = await refusal(stubs.EchoServiceStub(unreachable).Echo(pb.EchoRequest()))
    assert isinstance(error, ServiceError)
    assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
