"""Tracing with OpenTelemetry, from the first call to the last event handler.

The sampling decision is made before a span is created. A call or event that is not sampled gets no span, but its trace
context is passed on. The reason is the cost of spans: in a measurement with 1 % sampling and a span for every call, the
throughput was a third lower than without tracing.

The code of a service uses the `Tracing` of the current context (`use_tracing`), so that tests can run several services
in one process.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import (
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from proctorium_common.errors import ServiceError

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

Attribute = str | bool | int | float
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_NOT_SAMPLED = TraceFlags(TraceFlags.DEFAULT)
_TRACE_ID_MASK = TraceIdRatioBased.TRACE_ID_LIMIT
_LOWER_HEX = frozenset("0123456789abcdef")

_decided_trace_id: ContextVar[int | None] = ContextVar("proctorium_decided_trace", default=None)
_decided_span_id: ContextVar[int | None] = ContextVar("proctorium_decided_span", default=None)


class _DecidedIds(RandomIdGenerator):
    """An id generator for the SDK. It returns the id that was chosen earlier, or a random id if none was chosen.

    The trace id is chosen for the sampling decision. The span id is chosen when a worker's run starts.
    """

    def generate_span_id(self) -> int:
        return _decided_span_id.get() or super().generate_span_id()

    def generate_trace_id(self) -> int:
        return _decided_trace_id.get() or super().generate_trace_id()


def resource_of(service: str) -> Resource:
    """Return the resource attributes of this process.

    The environment variable OTEL_RESOURCE_ATTRIBUTES can add or override attributes.
    """
    instance = f"{socket.gethostname()}-{os.getpid()}"
    ours = Resource.create({SERVICE_NAME: service, SERVICE_INSTANCE_ID: instance})
    return ours.merge(OTELResourceDetector().detect())


class Tracing:
    """The tracing of one service: the name of the service, the sampler and the exporter.

    Without an `exporter`, no spans are recorded, but trace contexts are still passed on. The default of
    `export_delay_ms` is the environment variable OTEL_BSP_SCHEDULE_DELAY.
    """

    def __init__(
        self,
        service: str,
        *,
        ratio: float = 0.0,
        exporter: SpanExporter | None = None,
        export_delay_ms: float | None = None,
    ) -> None:
        self.service = service
        sampler = TraceIdRatioBased(ratio)
        self._bound = sampler.bound if exporter is not None else 0
        self._provider: TracerProvider | None = None
        self.tracer: trace.Tracer = trace.NoOpTracer()
        if exporter is not None:
            self._provider = TracerProvider(
                sampler=ParentBased(sampler),
                resource=resource_of(service),
                id_generator=_DecidedIds(),
                shutdown_on_exit=False,
            )
            self._provider.add_span_processor(
                BatchSpanProcessor(exporter, schedule_delay_millis=export_delay_ms)
            )
            self.tracer = self._provider.get_tracer("proctorium")

    @property
    def is_recording(self) -> bool:
        """Whether this service makes sampling decisions and records spans.

        If not, this service only passes trace contexts on.
        """
        return self._provider is not None

    def start(
        self,
        name: str,
        parent: SpanContext | None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Attribute] | None = None,
        links: Sequence[Link] = (),
    ) -> Span:
        """Start a child span of `parent`, or the root span of a new trace if `parent` is None.

        Returns a non-recording span if the trace is not sampled.
        """
        if parent is None:
            trace_id = random.getrandbits(128) or 1
            if trace_id & _TRACE_ID_MASK >= self._bound:
                return NonRecordingSpan(
                    SpanContext(trace_id, random.getrandbits(64) or 1, False, _NOT_SAMPLED)
                )
            return self._start_root(name, trace_id, kind, attributes, links)
        if self._provider is None or not parent.trace_flags & TraceFlags.SAMPLED:
            return NonRecordingSpan(parent)
        context = trace.set_span_in_context(NonRecordingSpan(parent), Context())
        return self.tracer.start_span(name, context, kind, attributes, links)

    def start_run(self) -> WorkerRun:
        """Start a worker's run in a new trace. Call `end_run` when the run has ended."""
        trace_id = random.getrandbits(128) or 1
        flags = _SAMPLED if trace_id & _TRACE_ID_MASK < self._bound else _NOT_SAMPLED
        return WorkerRun(SpanContext(trace_id, random.getrandbits(64) or 1, False, flags))

    def end_run(self, name: str, run: WorkerRun, failure: BaseException | None) -> None:
        """Record a span of `run` if the run was sampled and used its trace context."""
        context = run.context
        if not (run.used and context.trace_flags & TraceFlags.SAMPLED):
            return
        decided = _decided_span_id.set(context.span_id)
        try:
            span = self._start_root(
                name, context.trace_id, SpanKind.INTERNAL, None, (), started_at=run.started_at
            )
        finally:
            _decided_span_id.reset(decided)
        if failure is not None:
            mark_failed(span, failure)
        span.end()

    def _start_root(
        self,
        name: str,
        trace_id: int,
        kind: SpanKind,
        attributes: Mapping[str, Attribute] | None,
        links: Sequence[Link],
        *,
        started_at: int | None = None,
    ) -> Span:
        decided = _decided_trace_id.set(trace_id)
        try:
            return self.tracer.start_span(name, Context(), kind, attributes, links, started_at)
        finally:
            _decided_trace_id.reset(decided)

    def close(self, timeout_ms: int = 2000) -> None:
        """Export the remaining spans, within about `timeout_ms` milliseconds.

        Call this method in a thread, because it blocks.
        """
        if self._provider is not None:
            self._provider.force_flush(timeout_ms)
            self._provider.shutdown()


class WorkerRun(NonRecordingSpan):
    """The trace context of a worker's run.

    Most runs find nothing to do, and spans of such runs would make other traces hard to find. This class therefore
    records whether the run used its trace context, so that only such a run gets a span. A run uses the trace context
    when it records an event, calls a service or writes a log line.
    """

    def __init__(self, context: SpanContext) -> None:
        super().__init__(context)
        self.context = context
        self.used = False
        self.started_at = time.time_ns()

    def get_span_context(self) -> SpanContext:
        """Return the trace context, and set `used`."""
        self.used = True
        return self.context


NOT_TRACING = Tracing("unnamed")
"""A `Tracing` that records no spans, but passes trace contexts on."""

_tracing: ContextVar[Tracing] = ContextVar("proctorium_tracing", default=NOT_TRACING)


def use_tracing(tracing: Tracing) -> None:
    """Use `tracing` in the current task and in all tasks that the current task starts from now on.

    Libraries that call OpenTelemetry's own API (`trace.get_tracer`) then use `tracing` too.
    """
    _tracing.set(tracing)
    if not isinstance(trace.get_tracer_provider(), _TracingOfContext):
        trace.set_tracer_provider(_TracingOfContext())


class _TracingOfContext(trace.TracerProvider):
    """The tracer provider of the process, which returns the tracer of the service in the current context."""

    def get_tracer(self, *_: object, **__: object) -> trace.Tracer:
        return _TracerOfContext()


class _TracerOfContext(trace.Tracer):
    def start_span(self, name: str, *arguments: Any, **named: Any) -> Span:
        return _tracing.get().tracer.start_span(name, *arguments, **named)

    @contextmanager
    def start_as_current_span(  # type: ignore[override]  # the return type in the base class is private
        self, name: str, *arguments: Any, **named: Any
    ) -> Iterator[Span]:
        with _tracing.get().tracer.start_as_current_span(name, *arguments, **named) as started:
            yield started


def current_tracing() -> Tracing:
    """Return the tracing of the current service."""
    return _tracing.get()


def current_trace_context() -> SpanContext | None:
    """Return the current trace context, or None outside of a trace."""
    context = trace.get_current_span().get_span_context()
    return context if context.is_valid else None


def current_trace_id() -> str | None:
    """Return the id of the current trace as 32 hexadecimal digits, or None outside of a trace."""
    context = current_trace_context()
    return None if context is None else f"{context.trace_id:032x}"


def enter_span(span: Span) -> None:
    """Make `span` the current span for the rest of this task."""
    otel_context.attach(trace.set_span_in_context(span))


@contextmanager
def within(parent: SpanContext | None) -> Iterator[None]:
    """Make `parent` the current trace context within the block. If `parent` is None, do not change the context."""
    if parent is None:
        yield
        return
    with trace.use_span(NonRecordingSpan(parent)):
        yield


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, Attribute] | None = None,
    links: Sequence[Link] = (),
) -> Iterator[Span]:
    """Run the block in a child span of the current span; mark the child span as failed if the block raises."""
    with span_from(
        current_trace_context(), name, kind=kind, attributes=attributes, links=links
    ) as started:
        yield started


@contextmanager
def span_from(
    parent: SpanContext | None,
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, Attribute] | None = None,
    links: Sequence[Link] = (),
) -> Iterator[Span]:
    """Run the block like `span`, but in a child span of `parent`, or in a new trace if `parent` is None."""
    started = _tracing.get().start(name, parent, kind, attributes, links)
    token = otel_context.attach(trace.set_span_in_context(started))
    try:
        yield started
    except BaseException as failure:
        mark_failed(started, failure)
        raise
    finally:
        otel_context.detach(token)
        started.end()


@contextmanager
def worker_run(name: str) -> Iterator[None]:
    """Run the block as a worker's run in a new trace; record a span only if the block uses the trace context."""
    tracing = _tracing.get()
    started = tracing.start_run()
    failure: BaseException | None = None
    token = otel_context.attach(trace.set_span_in_context(started))
    try:
        yield
    except BaseException as raised:
        failure = raised
        raise
    finally:
        otel_context.detach(token)
        tracing.end_run(name, started, failure)


def mark_failed(failed: Span, failure: BaseException) -> None:
    """Mark the span `failed` as failed, with the reason or type of the error `failure`.

    The message of the error is not recorded, because it may contain personal data. A cancellation does not mark the
    span as failed, because either the client cancelled the call, or the span of the call contains the reason.
    """
    if not failed.is_recording():
        return
    if isinstance(failure, asyncio.CancelledError):
        failed.set_attribute("proctorium.cancelled", True)
        return
    name = failure.reason if isinstance(failure, ServiceError) else type(failure).__qualname__
    failed.set_attribute("error.type", name)
    failed.set_status(Status(StatusCode.ERROR, name))


def annotate(**ids: object) -> None:
    """Set each id as the attribute `proctorium.<name>` of the current span, so that a search by id finds the trace."""
    current = trace.get_current_span()
    if current.is_recording():
        for name, value in ids.items():
            current.set_attribute(f"proctorium.{name}", str(value))


def annotate_from(message: Message) -> None:
    """Set the values of the `id_fields` of `message` as attributes of the current span, except empty values."""
    if trace.get_current_span().is_recording():
        found = {name: getattr(message, name) for name in id_fields(message.DESCRIPTOR)}
        annotate(**{name: value for name, value in found.items() if value})


@cache
def id_fields(message: Descriptor) -> tuple[str, ...]:
    """Return the names of the id fields of a request or event. Spans and log lines contain the values of these fields.

    The id fields are the string fields with a name of the form `<resource>_id`. `request_id` and fields with the
    standard option `debug_redact` are excluded.
    """
    return tuple(
        field.name
        for field in message.fields
        if field.name.endswith("_id")
        and field.name != "request_id"
        and field.type == FieldDescriptor.TYPE_STRING
        and not field.is_repeated
        and not field.GetOptions().debug_redact
    )


def inject(headers: MutableMapping[str, str]) -> None:
    """Add the current trace context, if there is one, to `headers` (W3C `traceparent`, `tracestate`)."""
    context = current_trace_context()
    if context is not None:
        headers.update(headers_of(context))


def headers_of(context: SpanContext) -> dict[str, str]:
    """Return the W3C headers for a trace context."""
    headers = {TRACEPARENT: traceparent_of(context)}
    if context.trace_state:
        headers[TRACESTATE] = context.trace_state.to_header()
    return headers


def traceparent_of(context: SpanContext) -> str:
    """Return the value of the W3C header `traceparent` for a trace context."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def extract(headers: Mapping[str, str]) -> SpanContext | None:
    """Return the trace context in `headers`, or None if it is missing or malformed.

    The names of the headers must be in lower case.
    """
    return parse_trace_context(headers.get(TRACEPARENT), headers.get(TRACESTATE))


def parse_trace_context(
    traceparent: str | None, tracestate: str | None = None
) -> SpanContext | None:
    """Return the trace context in the values of the W3C headers `traceparent` and `tracestate`.

    Returns None if the trace context is missing or malformed, or if one of its ids is all zeros.
    """
    if traceparent is None or len(traceparent) < 55:
        return None
    version, trace_id, span_id, flags = (
        traceparent[:2],
        traceparent[3:35],
        traceparent[36:52],
        traceparent[53:55],
    )
    separators = traceparent[2] + traceparent[35] + traceparent[52]
    if separators != "---" or version == "ff" or (version == "00" and len(traceparent) != 55):
        return None
    if not _LOWER_HEX.issuperset(version + trace_id + span_id + flags):
        return None
    state = TraceState.from_header([tracestate]) if tracestate else None
    sampled = _SAMPLED if int(flags, 16) & TraceFlags.SAMPLED else _NOT_SAMPLED
    context = SpanContext(int(trace_id, 16), int(span_id, 16), True, sampled, state)
    return context if context.is_valid else None


def link_to(context: SpanContext | None) -> tuple[Link, ...]:
    """Return a tuple with one link to `context`, for the argument `links` of `span`; an empty tuple for None."""
    return () if context is None else (Link(context),)
