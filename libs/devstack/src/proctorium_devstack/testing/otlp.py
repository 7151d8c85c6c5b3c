"""Builds what an exporter sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

BEGAN = 1_790_000_000_000_000_000
KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}


@dataclass(frozen=True)
class Work:
    """A span in milliseconds after the beginning; ids are small numbers."""

    service: str
    name: str
    at: float
    lasts: float
    number: int
    parent: int = 0
    kind: str = "internal"
    trace: int = 1
    error: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, float] = field(default_factory=dict)
    links: tuple[tuple[int, int], ...] = ()


def trace_id(number: int) -> str:
    """The hexadecimal id of a trace of `Work`."""
    return f"{number:032x}"


def span_id(number: int) -> str:
    """The hexadecimal id of a span of `Work`."""
    return f"{number:016x}"


def request(*works: Work) -> ExportTraceServiceRequest:
    """One request with all of it."""
    built = ExportTraceServiceRequest()
    for work in works:
        resource = built.resource_spans.add()
        resource.resource.attributes.append(_pair("service.name", work.service))
        resource.scope_spans.add().spans.append(_span(work))
    return built


def _span(work: Work) -> trace_pb2.Span:
    span = trace_pb2.Span(
        trace_id=bytes.fromhex(trace_id(work.trace)),
        span_id=bytes.fromhex(span_id(work.number)),
        parent_span_id=bytes.fromhex(span_id(work.parent)) if work.parent else b"",
        name=work.name,
        kind=KINDS[work.kind],  # type: ignore[arg-type]
        start_time_unix_nano=_time(work.at),
        end_time_unix_nano=_time(work.at + work.lasts),
        attributes=[_pair(key, value) for key, value in work.attributes.items()],
        events=[
            trace_pb2.Span.Event(name=name, time_unix_nano=_time(at))
            for name, at in work.events.items()
        ],
        links=[
            trace_pb2.Span.Link(
                trace_id=bytes.fromhex(trace_id(to)), span_id=bytes.fromhex(span_id(at))
            )
            for to, at in work.links
        ],
    )
    if work.error:
        span.status.code = trace_pb2.Status.STATUS_CODE_ERROR
        span.status.message = work.error
    return span


def _time(milliseconds: float) -> int:
    return BEGAN + int(milliseconds * 1e6)


def _pair(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
