"""Traces: one trace from the first caller to the last effect, at no cost for those that are not sampled.

The sampling decision comes first. A call or event that is not sampled gets no span at all, only its place in the trace,
which is passed on; measured, that is what makes the difference between 0.67 and 1.0 of the bare throughput at 1 %
sampling. Inside a service everything reads the `Tracing` of the surrounding context (`use_tracing`), so that several
services can live in one process, as they do in tests.
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
    """Passes to the SDK the trace id on which sampling was decided, and the span id of a worker's run."""

    def generate_span_id(self) -> int:
        return _decided_span_id.get() or super().generate_span_id()

    def generate_trace_id(self) -> int:
        return _decided_trace_id.get() or super().generate_trace_id()


def resource_of(service: str) -> Resource:
    """Return the attributes of this process; OTEL_RESOURCE_ATTRIBUTES adds to them and can rename the instance."""
    instance = f"{socket.gethostname()}-{os.getpid()}"
    ours = Resource.create({SERVICE_NAME: service, SERVICE_INSTANCE_ID: instance})
    return ours.merge(OTELResourceDetector().detect())


class Tracing:
    """The tracing of one service: its name, its sampler, and where finished spans go.

    Without an `exporter` nothing is recorded, and what callers decided is still passed on. `export_delay_ms` is
    OTEL_BSP_SCHEDULE_DELAY unless it is given.
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
    def records(self) -> bool:
        """Whether it decides and records by itself, or only passes on what others decided."""
        return self._provider is not None

    def start(
        self,
        name: str,
        parent: SpanContext | None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Attribute] | None = None,
        links: Sequence[Link] = (),
    ) -> Span:
        """Return a span below `parent`, or the first of a new trace; it records nothing in an unsampled trace."""
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
        """Return the trace context of a new trace that becomes a span only if something is done in it."""
        trace_id = random.getrandbits(128) or 1
        flags = _SAMPLED if trace_id & _TRACE_ID_MASK < self._bound else _NOT_SAMPLED
        return WorkerRun(SpanContext(trace_id, random.getrandbits(64) or 1, False, flags))

    def end_run(self, name: str, run: WorkerRun, failure: BaseException | None) -> None:
        """Send the span of a run in which something was done."""
        place = run.place
        if not (run.used and place.trace_flags & TraceFlags.SAMPLED):
            return
        decided = _decided_span_id.set(place.span_id)
        try:
            span = self._start_root(
                name, place.trace_id, SpanKind.INTERNAL, None, (), began=run.began
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
        began: int | None = None,
    ) -> Span:
        decided = _decided_trace_id.set(trace_id)
        try:
            return self.tracer.start_span(name, Context(), kind, attributes, links, began)
        finally:
            _decided_trace_id.reset(decided)

    def close(self, timeout_ms: int = 2000) -> None:
        """Send what is left, for at most about `timeout_ms`; blocks, so call it in a thread."""
        if self._provider is not None:
            self._provider.force_flush(timeout_ms)
            self._provider.shutdown()


class WorkerRun(NonRecordingSpan):
    """The trace context of a worker's run.

    Most runs find nothing to do and would hide the other traces; so it records whether the run used its trace context,
    to record an event, make a call or write a log line.
    """

    def __init__(self, place: SpanContext) -> None:
        super().__init__(place)
        self.place = place
        self.used = False
        self.began = time.time_ns()

    def get_span_context(self) -> SpanContext:
        """Return the trace context; a run whose context was read becomes a span."""
        self.used = True
        return self.place


NOT_TRACING = Tracing("unnamed")
"""Records nothing and passes on what callers decided."""

_tracing: ContextVar[Tracing] = ContextVar("proctorium_tracing", default=NOT_TRACING)


def use_tracing(tracing: Tracing) -> None:
    """Make `tracing` that of this task and of all tasks it starts from now on.

    OpenTelemetry's own API (`trace.get_tracer`), which libraries use, follows it.
    """
    _tracing.set(tracing)
    if not isinstance(trace.get_tracer_provider(), _TracingOfContext):
        trace.set_tracer_provider(_TracingOfContext())


class _TracingOfContext(trace.TracerProvider):
    """The one provider of this process: whichever service's code asks gets that service's tracer."""

    def get_tracer(self, *_: object, **__: object) -> trace.Tracer:
        return _TracerOfContext()


class _TracerOfContext(trace.Tracer):
    def start_span(self, name: str, *arguments: Any, **named: Any) -> Span:
        return _tracing.get().tracer.start_span(name, *arguments, **named)

    @contextmanager
    def start_as_current_span(  # type: ignore[override]  # theirs is a private type of context managers
        self, name: str, *arguments: Any, **named: Any
    ) -> Iterator[Span]:
        with _tracing.get().tracer.start_as_current_span(name, *arguments, **named) as started:
            yield started


def current_tracing() -> Tracing:
    """Return the tracing of the service that this code runs in."""
    return _tracing.get()


def current_trace_context() -> SpanContext | None:
    """Return the trace context of this code, or None outside of a trace."""
    place = trace.get_current_span().get_span_context()
    return place if place.is_valid else None


def current_trace_id() -> str | None:
    """Return the id of the trace that this code runs in, 32 hexadecimal digits, or None."""
    place = current_trace_context()
    return None if place is None else f"{place.trace_id:032x}"


def enter_span(span: Span) -> None:
    """Make `span` the current one for the rest of this task."""
    otel_context.attach(trace.set_span_in_context(span))


@contextmanager
def within(parent: SpanContext | None) -> Iterator[None]:
    """Make `parent` the current trace context for the length of the block; None changes nothing."""
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
    """Make a span below the current one around the block; an exception marks it as failed and is raised again."""
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
    """Make a span as `span` does, below `parent`; None starts a new trace (a redelivery)."""
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
    """Make a trace of a worker's run if the block does anything, and none otherwise."""
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
    """Say on the span what went wrong: the reason, or the type; never the sentence, which may name somebody.

    What was cancelled did not fail: its caller went, or the call's own span says why it was ended.
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
    """Set `proctorium.<name>` on the current span for each id given, so that traces are found by them."""
    current = trace.get_current_span()
    if current.is_recording():
        for name, value in ids.items():
            current.set_attribute(f"proctorium.{name}", str(value))


def annotate_from(message: Message) -> None:
    """Set the ids of `message` (`id_fields`) on the current span."""
    if trace.get_current_span().is_recording():
        found = {name: getattr(message, name) for name in id_fields(message.DESCRIPTOR)}
        annotate(**{name: value for name, value in found.items() if value})


@cache
def id_fields(message: Descriptor) -> tuple[str, ...]:
    """Return the fields of a request or event for spans and logs: the texts `<resource>_id` without the request's id.

    The standard option `debug_redact` leaves a field out.
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
    """Write the current trace context into `headers` (W3C `traceparent`, `tracestate`); nothing when there is none."""
    place = current_trace_context()
    if place is not None:
        headers.update(headers_of(place))


def headers_of(place: SpanContext) -> dict[str, str]:
    """Return the W3C headers that say `place`."""
    headers = {TRACEPARENT: traceparent_of(place)}
    if place.trace_state:
        headers[TRACESTATE] = place.trace_state.to_header()
    return headers


def traceparent_of(place: SpanContext) -> str:
    """`place` as the value of a W3C `traceparent` header."""
    return f"00-{place.trace_id:032x}-{place.span_id:016x}-{int(place.trace_flags):02x}"


def extract(headers: Mapping[str, str]) -> SpanContext | None:
    """Return the trace context that `headers` (names in lower case) say, or None for none or a malformed one."""
    return parse_trace_context(headers.get(TRACEPARENT), headers.get(TRACESTATE))


def parse_trace_context(
    traceparent: str | None, tracestate: str | None = None
) -> SpanContext | None:
    """Return the trace context in the values of the two W3C headers; None for none, a malformed or an all-zero one."""
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
    place = SpanContext(int(trace_id, 16), int(span_id, 16), True, sampled, state)
    return place if place.is_valid else None


def link_to(place: SpanContext | None) -> tuple[Link, ...]:
    """Return a link to a trace context, ready to be given to `span` or `span_from`; none for None."""
    return () if place is None else (Link(place),)
