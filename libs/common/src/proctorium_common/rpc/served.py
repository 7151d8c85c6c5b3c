"""The calls in progress of a server: each starts with a span and ends with a log line, a metric and a status."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import Any, TypeAlias
from uuid import UUID

import grpc
from opentelemetry.trace import Span, SpanKind

from proctorium_common.errors import (
    Kind,
    ServiceError,
    exhausted,
    timed_out,
    unauthenticated,
    unavailable,
)
from proctorium_common.rpc.caller import ANONYMOUS, Caller
from proctorium_common.rpc.methods import Method, arrived_metadata
from proctorium_common.rpc.status import CODES, DETAILS_KEY, details_of, error_for
from proctorium_common.telemetry import Telemetry
from proctorium_common.telemetry.logs import CallLine, CallLog, get_logger
from proctorium_common.telemetry.traces import (
    TRACEPARENT,
    TRACESTATE,
    enter_span,
    mark_failed,
    parse_trace_context,
)

log = get_logger()

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

SHAVED_SECONDS = 0.05
"""Taken off each deadline on the way in, so that the response arrives before the caller gives up."""

_UNREAD_SECONDS = 5.0
"""How long a stream that has to end waits for its client to take the message that is on its way."""

STREAMS_PER_PERSON = 20
"""More than a proctor with several sessions in several windows has open, at each replica of a service."""

_UNWRITTEN = "UNIMPLEMENTED"
_AUTHORIZATION = "authorization"
_BEARER = "bearer "


class Served:
    """One call in progress. `left` is in seconds, after shaving; None for a stream without a deadline."""

    __slots__ = (
        "caller",
        "code",
        "deadline",
        "ended",
        "ended_by_us",
        "ends_after_message",
        "hang_up",
        "ids",
        "lapse",
        "lapsed",
        "late",
        "left",
        "method",
        "reason",
        "replaced",
        "span",
        "started",
        "task",
        "token",
        "writing",
    )

    def __init__(self, method: Method, span: Span, token: str | None, left: float | None) -> None:
        self.method = method
        self.span = span
        self.token = token
        self.left = left
        self.started = time.perf_counter()
        self.caller: Caller = ANONYMOUS
        self.ids: dict[str, str] | None = None
        self.code = "OK"
        self.reason: str | None = None
        self.task: asyncio.Task[Any] | None = None
        self.deadline: asyncio.TimerHandle | None = None
        self.late = False
        self.ended = False
        self.ended_by_us = False
        self.lapse: asyncio.TimerHandle | None = None
        self.lapsed = False
        self.replaced = False
        self.hang_up: asyncio.TimerHandle | None = None
        self.writing = False
        self.ends_after_message = False

    @property
    def ended_here(self) -> bool:
        """Whether the server cancelled the call, and not its client."""
        return self.late or self.ended_by_us or self.lapsed or self.replaced

    def expire(self) -> None:
        """End the call because its time is over."""
        self.late = True
        self._cancel()

    def end_by_us(self) -> None:
        """End the call because the server does."""
        self.ended_by_us = True
        self._cancel()

    def lapse_in(self, seconds: float) -> None:
        """End the stream when its token does."""
        self.lapse = asyncio.get_running_loop().call_later(seconds, self.lapse_now)

    def replace(self) -> None:
        """End the stream because its person opened newer ones."""
        self.replaced = True
        self._cancel_within_bounds()

    def lapse_now(self) -> None:
        """End the stream as if its token had expired, so that the client reopens it with its present rights."""
        self.lapsed = True
        self._cancel_within_bounds()

    def _cancel_within_bounds(self) -> None:
        self._cancel()
        if self.writing:
            # Its client does not read: without this limit, streams that nobody reads would never end.
            loop = asyncio.get_running_loop()
            self.hang_up = loop.call_later(_UNREAD_SECONDS, self._end_unread)

    def _end_unread(self) -> None:
        if self.writing and self.task is not None:
            self.task.cancel()

    def _cancel(self) -> None:
        if self.writing:
            self.ends_after_message = True
        elif self.task is not None:
            self.task.cancel()


class ServedCalls:
    """Starts, ends and counts the calls of one server. `default_seconds` is the time of unary calls without a deadline.

    `streams_per_person` is how many streams one person may have open at this server: above it, the oldest ends.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        *,
        call_log: CallLog,
        default_seconds: float,
        streams_per_person: int = STREAMS_PER_PERSON,
    ) -> None:
        self._streams_per_person = streams_per_person
        # Dictionaries keep the order of opening.
        self._streams_of: defaultdict[UUID, dict[Served, None]] = defaultdict(dict)
        self._tracing = telemetry.tracing
        self._metrics = telemetry.metrics
        self._log = call_log
        self._default_seconds = default_seconds
        self._streams: set[Served] = set()
        self.ending = False

    def begin(self, method: Method, context: Context) -> Served:
        """Start a call: its span, and what its metadata say."""
        traceparent = tracestate = token = None
        for key, value in arrived_metadata():
            if key == TRACEPARENT:
                traceparent = value
            elif key == TRACESTATE:
                tracestate = value
            elif key == _AUTHORIZATION:
                token = value
        span = self._tracing.start(
            method.name[1:],
            parse_trace_context(traceparent, tracestate),
            SpanKind.SERVER,
            method.attributes,
        )
        enter_span(span)
        self._metrics.in_flight += 1
        remaining: float | None = context.time_remaining()
        if remaining is not None:
            left: float | None = remaining - SHAVED_SECONDS
        else:
            left = None if method.answers_many else self._default_seconds
        return Served(method, span, _bearer(token), left)

    def limit(self, served: Served, deadline: float) -> None:
        """Cancel the call at `deadline` (by `time.monotonic()`)."""
        served.task = asyncio.current_task()
        left = deadline - time.monotonic()
        served.deadline = asyncio.get_running_loop().call_later(left, served.expire)

    def open_stream(self, served: Served) -> None:
        """Register a stream of responses that lasts until somebody ends it."""
        served.task = asyncio.current_task()
        self._streams.add(served)

    def limit_streams(self, served: Served) -> None:
        """Count an admitted stream for its person, and end that person's oldest one when there are too many.

        The newest is never refused: a person whose connection broke comes back while the server may still hold the old
        streams.
        """
        person_id = served.caller.person_id
        if person_id is None:
            return
        streams = self._streams_of[person_id]
        streams[served] = None
        if len(streams) > self._streams_per_person:
            oldest = next(iter(streams))
            del streams[oldest]
            oldest.replace()

    def _forget_stream(self, served: Served) -> None:
        self._streams.discard(served)
        person_id = served.caller.person_id
        streams = self._streams_of.get(person_id) if person_id is not None else None
        if streams is not None and person_id is not None:
            streams.pop(served, None)
            if not streams:
                del self._streams_of[person_id]

    @property
    def streams(self) -> tuple[Served, ...]:
        """The open streams of responses."""
        return tuple(self._streams)

    def end_streams(self) -> None:
        """End those calls with SHUTTING_DOWN, so that their clients change to another replica at once."""
        self.ending = True
        for served in tuple(self._streams):
            served.end_by_us()

    async def fail(self, served: Served, failure: BaseException, context: Context) -> None:
        """End the call with the status of `failure`, or raise what gRPC itself has to see."""
        if isinstance(failure, grpc.aio.AbortError):
            served.code = _code_name(context.code())
            raise failure
        if isinstance(failure, NotImplementedError) and _code_name(context.code()) == _UNWRITTEN:
            # The generated servicer raised it: nobody wrote this method.
            served.code = _UNWRITTEN
            self.end(served)
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "This method is not offered here.")
        error = self._error(served, failure)
        if error is None:
            served.code = "CANCELLED"
            raise failure
        code = CODES[error.kind]
        served.code, served.reason = code.name, error.reason
        if error.kind is Kind.INTERNAL:
            log.error("rpc_failed", method=served.method.name, exc_info=failure)
        mark_failed(served.span, error)
        # Before the answer, as for a call that went well: who has the answer finds the line and the span.
        self.end(served)
        await context.abort(code, error.message, ((DETAILS_KEY, details_of(error)),))

    def _error(self, served: Served, failure: BaseException) -> ServiceError | None:
        """Return what to say about `failure`; None when there is nobody left to say it to."""
        if isinstance(failure, asyncio.CancelledError):
            if not served.ended_here or served.task is None:
                return None
            served.task.uncancel()
            if served.ended_by_us:
                return unavailable("SHUTTING_DOWN", "The service is restarting. Please try again.")
            if served.replaced:
                return exhausted(
                    "TOO_MANY_STREAMS",
                    "You have this open in too many windows, so the oldest one stopped showing what is new. "
                    "Close windows that you do not need, then reload this one.",
                )
            if served.lapsed:
                return unauthenticated(
                    "TOKEN_EXPIRED",
                    "Your sign-in has to be renewed: refresh it, and open this again where it ended.",
                )
            return timed_out("DEADLINE_EXCEEDED", "This took longer than you were ready to wait.")
        if isinstance(failure, Exception):
            return error_for(failure, trace_id=_trace_id(served.span))
        return None

    def end(self, served: Served) -> None:
        """End a call; a second time this does nothing."""
        if served.ended:
            return
        served.ended = True
        for timer in (served.deadline, served.lapse, served.hang_up):
            if timer is not None:
                timer.cancel()
        if served.method.answers_many:
            self._forget_stream(served)
        self._metrics.in_flight -= 1
        seconds = time.perf_counter() - served.started
        self._metrics.record_served(served.method.name, served.code, seconds)
        self._log.write(
            CallLine(
                self._tracing.service,
                served.method.name,
                served.code,
                seconds,
                served.span.get_span_context().trace_id,
                served.caller.name,
                served.caller.service,
                served.reason,
                served.ids,
            )
        )
        if served.span.is_recording():
            served.span.set_attribute("rpc.grpc.status", served.code)
        served.span.end()


def _bearer(authorization: str | None) -> str | None:
    if authorization is not None and authorization[:7].lower() == _BEARER:
        return authorization[7:]
    return None


def _trace_id(span: Span) -> str:
    return f"{span.get_span_context().trace_id:032x}"


def _code_name(code: grpc.StatusCode | int | None) -> str:
    # grpc.aio returns the number, its types say the enum.
    if isinstance(code, grpc.StatusCode):
        return code.name
    return next((known.name for known in grpc.StatusCode if known.value[0] == code), "UNKNOWN")
