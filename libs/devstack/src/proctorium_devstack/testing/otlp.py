"""Builders of OTLP requests, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

START_NS = 1_790_000_000_000_000_000
KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}


@dataclass(frozen=True)
class SpanSpec:
    """The description of a span in a test.

    `start` and `duration` are in milliseconds, and `start` is relative to START_NS. `number`, `parent` and `trace` are
    small numbers from which the ids are created.
    """

    service: str
    name: str
    start: float
    duration: float
    number: int
    parent: int = 0
    kind: str = "internal"
    trace: int = 1
    error: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, float] = field(default_factory=dict)
    links: tuple[tuple[int, int], ...] = ()


def trace_id(number: int) -> str:
    """Return the hexadecimal id of the trace with this number."""
    return f"{number:032x}"


def span_id(number: int) -> str:
    """Return the hexadecimal id of the span with this number."""
    return f"{number:016x}"


def request(*specs: SpanSpec) -> ExportTraceServiceRequest:
    """Return one OTLP request that contains all given spans."""
    built = ExportTraceServiceRequest()
    for spec in specs:
        resource = built.resource_spans.add()
        resource.resource.attributes.append(_pair("service.name", spec.service))
        resource.scope_spans.add().spans.append(_span(spec))
    return built


def _span(spec: SpanSpec) -> trace_pb2.Span:
    span = trace_pb2.Span(
        trace_id=bytes.fromhex(trace_id(spec.trace)),
        span_id=bytes.fromhex(span_id(spec.number)),
        parent_span_id=bytes.fromhex(span_id(spec.parent)) if spec.parent else b"",
        name=spec.name,
        kind=KINDS[spec.kind],  # type: ignore[arg-type]
        start_time_unix_nano=_time(spec.start),
        end_time_unix_nano=_time(spec.start + spec.duration),
        attributes=[_pair(key, value) for key, value in spec.attributes.items()],
        events=[
            trace_pb2.Span.Event(name=name, time_unix_nano=_time(at))
            for name, at in spec.events.items()
        ],
        links=[
            trace_pb2.Span.Link(
                trace_id=bytes.fromhex(trace_id(trace)), span_id=bytes.fromhex(span_id(number))
            )
            for trace, number in spec.links
        ],
    )
    if spec.error:
        span.status.code = trace_pb2.Status.STATUS_CODE_ERROR
        span.status.message = spec.error
    return span


def _time(milliseconds: float) -> int:
    return START_NS + int(milliseconds * 1e6)


def _pair(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
