"""The stored form of spans, and the conversion from OTLP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

Value = str | bool | int | float | None
_KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
UNKNOWN_SERVICE = "unknown"


@dataclass(frozen=True)
class SpanEvent:
    """An event of a span, with its time."""

    name: str
    time_ns: int
    attributes: Mapping[str, Value]


@dataclass(frozen=True)
class Link:
    """A link to a span of the same or another trace."""

    trace_id: str
    span_id: str


@dataclass(frozen=True)
class Span:
    """A span. Ids are in lower-case hexadecimal form. The root of a trace has an empty `parent_id`."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    instance: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    error: bool
    status: str
    attributes: Mapping[str, Value]
    events: tuple[SpanEvent, ...] = ()
    links: tuple[Link, ...] = ()

    @property
    def duration_ms(self) -> float:
        """The duration in milliseconds."""
        return (self.end_ns - self.start_ns) / 1e6


def spans_of(request: ExportTraceServiceRequest) -> Iterator[Span]:
    """Yield the spans of an OTLP request."""
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        service = str(resource.get("service.name") or UNKNOWN_SERVICE)
        instance = str(resource.get("service.instance.id") or "")
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield _span(span, service, instance)


def _span(span: trace_pb2.Span, service: str, instance: str) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        service=service,
        instance=instance,
        name=span.name,
        kind=_KINDS.get(span.kind, ""),
        start_ns=span.start_time_unix_nano,
        end_ns=max(span.start_time_unix_nano, span.end_time_unix_nano),
        error=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        status=span.status.message,
        attributes=_attributes(span.attributes),
        events=tuple(
            SpanEvent(event.name, event.time_unix_nano, _attributes(event.attributes))
            for event in span.events
        ),
        links=tuple(Link(link.trace_id.hex(), link.span_id.hex()) for link in span.links),
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Value:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case "array_value":
            return ", ".join(str(_value(each)) for each in value.array_value.values)
        case "bytes_value":
            return value.bytes_value.hex()
        case "kvlist_value":
            return ", ".join(
                f"{pair.key}={_value(pair.value)}" for pair in value.kvlist_value.values
            )
        case _:
            return None
