"""Test traces across calls: sampling, propagation of the trace context, and ids in spans."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from proctorium_common.errors import unavailable
from proctorium_common.rpc.client import channel
from proctorium_common.telemetry.traces import (
    annotate,
    current_trace_id,
    parse_trace_context,
    span,
    span_from,
    use_tracing,
)
from proctorium_devstack.testing.refusals import refusal

from .echo import pb, stubs
from .serving import PERSON, bearer, serving

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{TRACE}-b7ad6b7169203331-01"
UNSAMPLED = f"00-{TRACE}-b7ad6b7169203331-00"


def _by_kind(spans: list[ReadableSpan]) -> dict[SpanKind, ReadableSpan]:
    return {found.kind: found for found in spans}


async def test_callers_trace_is_continued_with_its_state() -> None:
    async with serving(ratio=0) as served, grpc.aio.insecure_channel(served.address) as plain:
        await stubs.EchoServiceStub(plain).Echo(
            pb.EchoRequest(), metadata=(("traceparent", SAMPLED), ("tracestate", "vendor=1"))
        )
        [server] = served.finished_spans()
    assert server.name == "proctorium.test.v1.EchoService/Echo"
    assert server.kind is SpanKind.SERVER
    assert f"{server.context.trace_id:032x}" == TRACE
    assert server.parent is not None
    assert f"{server.parent.span_id:016x}" == "b7ad6b7169203331"
    assert server.context.trace_state.get("vendor") == "1"


async def test_unsampled_trace_context_is_propagated_without_spans() -> None:
    passed_on: list[str] = []

    async def behavior(request: Any, context: Any) -> Any:
        if request.text == "on":
            async with channel(served.address) as onward:
                return await stubs.EchoServiceStub(onward).Change(pb.EchoRequest())
        passed_on.extend(
            value for key, value in context.invocation_metadata() if key == "traceparent"
        )
        assert current_trace_id() == TRACE
        return pb.EchoResponse()

    async with (
        serving(behavior, ratio=1.0) as served,
        grpc.aio.insecure_channel(served.address) as plain,
    ):
        await stubs.EchoServiceStub(plain).Change(
            pb.EchoRequest(text="on"), metadata=(("traceparent", UNSAMPLED),)
        )
        assert served.finished_spans() == []
    assert passed_on == [UNSAMPLED]


@pytest.mark.parametrize(("ratio", "spans"), [(1.0, 1), (0.0, 0)])
async def test_call_without_a_trace_starts_one_by_the_ratio(ratio: float, spans: int) -> None:
    async with (
        serving(ratio=ratio) as served,
        grpc.aio.insecure_channel(served.address) as plain,
    ):
        await stubs.EchoServiceStub(plain).Echo(pb.EchoRequest())
        found = served.finished_spans()
        assert len(served.log.lines[0]["trace_id"]) == 32
    assert len(found) == spans
    if found:
        assert f"{found[0].context.trace_id:032x}" == served.log.lines[0]["trace_id"]


@pytest.mark.parametrize("header", ["", "nonsense", SAMPLED.replace(TRACE, "0" * 32)])
async def test_malformed_traceparent_is_not_continued(header: str) -> None:
    async with serving(ratio=1) as served, grpc.aio.insecure_channel(served.address) as plain:
        await stubs.EchoServiceStub(plain).Echo(
            pb.EchoRequest(), metadata=(("traceparent", header),)
        )
        [server] = served.finished_spans()
    assert server.parent is None


async def test_client_and_server_spans_are_in_one_trace() -> None:
    async with serving() as served, served.channel() as opened:
        use_tracing(served.telemetry.tracing)
        with span("the learner's click"):
            await stubs.EchoServiceStub(opened).Echo(pb.EchoRequest())
        spans = _by_kind(served.finished_spans())
    client, server = spans[SpanKind.CLIENT], spans[SpanKind.SERVER]
    outer = spans[SpanKind.INTERNAL]
    assert server.parent is not None
    assert client.parent is not None
    assert server.parent.span_id == client.context.span_id
    assert client.parent.span_id == outer.context.span_id
    assert server.context.trace_id == outer.context.trace_id


async def test_ids_of_request_and_person_are_span_attributes() -> None:
    async def behavior(request: Any, context: Any) -> Any:
        annotate(attempt_id="a-7")
        return pb.EchoResponse()

    async with serving(behavior) as served, served.channel() as opened:
        await stubs.EchoServiceStub(opened).Echo(
            pb.EchoRequest(session_id="s-1"), metadata=bearer(served.token("learner"))
        )
        server = _by_kind(served.finished_spans())[SpanKind.SERVER]
    assert server.attributes is not None
    assert server.attributes["proctorium.session_id"] == "s-1"
    assert server.attributes["proctorium.person_id"] == str(PERSON)
    assert server.attributes["proctorium.attempt_id"] == "a-7"
    assert server.attributes["rpc.grpc.status"] == "OK"


async def test_stream_span_has_the_ids_of_its_first_request() -> None:
    async def talk() -> Any:
        yield pb.EchoRequest(session_id="s-1")
        yield pb.EchoRequest(session_id="s-2")

    async with serving() as served, served.channel() as opened:
        await stubs.EchoServiceStub(opened).Gather(talk())
        server = _by_kind(served.finished_spans())[SpanKind.SERVER]
    assert server.attributes is not None
    assert server.attributes["proctorium.session_id"] == "s-1"


async def test_failed_span_has_the_reason_and_not_the_message() -> None:
    async def behavior(request: Any, context: Any) -> Any:
        raise unavailable("DATABASE_UNAVAILABLE", "Ada Lovelace cannot be read.")

    async with serving(behavior) as served, served.channel() as opened:
        use_tracing(served.telemetry.tracing)
        await refusal(stubs.EchoServiceStub(opened).Change(pb.EchoRequest()))
        spans = _by_kind(served.finished_spans())
    for kind, expected in (
        (SpanKind.SERVER, "DATABASE_UNAVAILABLE"),
        (SpanKind.CLIENT, "UNAVAILABLE"),
    ):
        assert spans[kind].status.status_code is StatusCode.ERROR
        assert spans[kind].status.description == expected
        assert "Lovelace" not in spans[kind].to_json()


async def test_spans_of_libraries_belong_to_the_calling_service() -> None:
    async def behavior(request: Any, context: Any) -> Any:
        with trace.get_tracer("a library").start_as_current_span("SELECT attempts"):
            return pb.EchoResponse()

    async with serving(behavior) as served:
        # Make this task use the tracing of the calling service. In production, each service does this in its own task.
        use_tracing(served.telemetry.tracing)
        async with serving(behavior) as other, grpc.aio.insecure_channel(other.address) as plain:
            await stubs.EchoServiceStub(plain).Echo(
                pb.EchoRequest(), metadata=(("traceparent", SAMPLED),)
            )
            names = {found.name for found in served.finished_spans()}
    assert names == {"SELECT attempts"}


async def test_span_from_continues_a_trace_context_or_starts_a_trace() -> None:
    async with serving() as served:
        use_tracing(served.telemetry.tracing)
        with span_from(parse_trace_context(SAMPLED), "process"):
            assert current_trace_id() == TRACE
            with span_from(None, "redelivery"):
                assert current_trace_id() != TRACE
        assert current_trace_id() is None
        assert len(served.finished_spans()) == 2
