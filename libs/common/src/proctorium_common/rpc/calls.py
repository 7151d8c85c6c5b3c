"""The calls that a server is handling. Each call has a span, a log line, metrics, a deadline and a status."""

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
from proctorium_common.rpc.methods import Method, received_metadata
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

_log = get_logger()

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

DEADLINE_MARGIN = 0.05
"""The server ends each call this number of seconds before its deadline, so that the response arrives in time."""

_WRITE_TIMEOUT = 5.0
"""A stream that must end waits at most this number of seconds for its client to read the current message."""

STREAMS_PER_PERSON = 20
"""The maximum number of open streams of one person at one replica.

A proctor who has several sessions open in several windows needs fewer streams than this.
"""

_UNIMPLEMENTED = "UNIMPLEMENTED"
_AUTHORIZATION = "authorization"
_BEARER = "bearer "


class ServerCall:
    """A call in progress.

    `seconds_left` is the number of seconds from the start of the call to its deadline, or None for a stream without a
    deadline.
    """

    __slots__ = (
        "caller",
        "code",
        "deadline_exceeded",
        "deadline_timer",
        "ended",
        "ends_after_message",
        "ids",
        "method",
        "reason",
        "replaced",
        "seconds_left",
        "server_stopped",
        "span",
        "started",
        "task",
        "token",
        "token_expired",
        "token_timer",
        "write_timer",
        "writing",
    )

    def __init__(
        self, method: Method, span: Span, token: str | None, seconds_left: float | None
    ) -> None:
        self.method = method
        self.span = span
        self.token = token
        self.seconds_left = seconds_left
        self.started = time.perf_counter()
        self.caller: Caller = ANONYMOUS
        self.ids: dict[str, str] | None = None
        self.code = "OK"
        self.reason: str | None = None
        self.task: asyncio.Task[Any] | None = None
        self.deadline_timer: asyncio.TimerHandle | None = None
        self.deadline_exceeded = False
        self.ended = False
        self.server_stopped = False
        self.token_timer: asyncio.TimerHandle | None = None
        self.token_expired = False
        self.replaced = False
        self.write_timer: asyncio.TimerHandle | None = None
        self.writing = False
        self.ends_after_message = False

    @property
    def cancelled_by_server(self) -> bool:
        """Whether the server cancelled the call. If not, a cancellation of the call came from the client."""
        return self.deadline_exceeded or self.server_stopped or self.token_expired or self.replaced

    def end_for_deadline(self) -> None:
        """Cancel the call, because its deadline is exceeded."""
        self.deadline_exceeded = True
        self._cancel()

    def end_for_shutdown(self) -> None:
        """Cancel the call, because the server is shutting down."""
        self.server_stopped = True
        self._cancel()

    def end_at_token_expiry(self, seconds: float) -> None:
        """Cancel the stream after `seconds`, when its token expires."""
        loop = asyncio.get_running_loop()
        self.token_timer = loop.call_later(seconds, self.end_for_token)

    def replace(self) -> None:
        """Cancel the stream, because its caller has opened too many newer streams."""
        self.replaced = True
        self._cancel_with_timeout()

    def end_for_token(self) -> None:
        """Cancel the stream with TOKEN_EXPIRED, so that the client opens the stream again with a new token."""
        self.token_expired = True
        self._cancel_with_timeout()

    def _cancel_with_timeout(self) -> None:
        self._cancel()
        if self.writing:
            # Limit the time for sending the current message, because a stream whose client does not read would never
            # end.
            loop = asyncio.get_running_loop()
            self.write_timer = loop.call_later(_WRITE_TIMEOUT, self._cancel_write)

    def _cancel_write(self) -> None:
        if self.writing and self.task is not None:
            self.task.cancel()

    def _cancel(self) -> None:
        if self.writing:
            self.ends_after_message = True
        elif self.task is not None:
            self.task.cancel()


class ServerCalls:
    """Starts, ends and counts the calls of a server.

    If a call with one response arrives without a deadline, its deadline is `default_seconds` after its start. A person
    may have up to `streams_per_person` open streams. If the person opens a further stream, the person's oldest stream
    ends.
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
        # The streams of a person are the keys of a dictionary, because a dictionary preserves the order in which the
        # streams were opened.
        self._streams_by_person: defaultdict[UUID, dict[ServerCall, None]] = defaultdict(dict)
        self._tracing = telemetry.tracing
        self._metrics = telemetry.metrics
        self._log = call_log
        self._default_seconds = default_seconds
        self._streams: set[ServerCall] = set()
        self.shutting_down = False

    def start(self, method: Method, context: Context) -> ServerCall:
        """Start a call: create its span, and read its token and deadline."""
        traceparent = tracestate = token = None
        for key, value in received_metadata():
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
            seconds_left: float | None = remaining - DEADLINE_MARGIN
        else:
            seconds_left = None if method.streams_responses else self._default_seconds
        return ServerCall(method, span, _bearer(token), seconds_left)

    def set_deadline(self, served: ServerCall, deadline: float) -> None:
        """Cancel the call at `deadline`, a time of `time.monotonic()`."""
        served.task = asyncio.current_task()
        seconds = deadline - time.monotonic()
        loop = asyncio.get_running_loop()
        served.deadline_timer = loop.call_later(seconds, served.end_for_deadline)

    def open_stream(self, served: ServerCall) -> None:
        """Register a response stream, so that the server can end it at shutdown or when its token becomes invalid."""
        served.task = asyncio.current_task()
        self._streams.add(served)

    def limit_streams(self, served: ServerCall) -> None:
        """Add a stream to the streams of its caller. If the caller then has too many streams, end the oldest stream.

        The new stream is never refused, because the server may not have detected yet that the clients of older streams
        are disconnected.
        """
        person_id = served.caller.person_id
        if person_id is None:
            return
        streams = self._streams_by_person[person_id]
        streams[served] = None
        if len(streams) > self._streams_per_person:
            oldest = next(iter(streams))
            del streams[oldest]
            oldest.replace()

    def _remove_stream(self, served: ServerCall) -> None:
        self._streams.discard(served)
        person_id = served.caller.person_id
        streams = self._streams_by_person.get(person_id) if person_id is not None else None
        if streams is not None and person_id is not None:
            streams.pop(served, None)
            if not streams:
                del self._streams_by_person[person_id]

    @property
    def streams(self) -> tuple[ServerCall, ...]:
        """The open response streams."""
        return tuple(self._streams)

    def end_streams(self) -> None:
        """End all response streams with SHUTTING_DOWN, so that the clients reconnect to another replica at once."""
        self.shutting_down = True
        for served in tuple(self._streams):
            served.end_for_shutdown()

    async def fail(self, served: ServerCall, failure: BaseException, context: Context) -> None:
        """End the call with the status for `failure`, or raise `failure` again if gRPC has to handle it."""
        if isinstance(failure, grpc.aio.AbortError):
            served.code = _code_name(context.code())
            raise failure
        if (
            isinstance(failure, NotImplementedError)
            and _code_name(context.code()) == _UNIMPLEMENTED
        ):
            # The generated base class of the servicer raised this error, because the method is not implemented.
            served.code = _UNIMPLEMENTED
            self.end(served)
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "This method is not implemented.")
        error = self._error(served, failure)
        if error is None:
            served.code = "CANCELLED"
            raise failure
        code = CODES[error.kind]
        served.code, served.reason = code.name, error.reason
        if error.kind is Kind.INTERNAL:
            _log.error("rpc_failed", method=served.method.name, exc_info=failure)
        mark_failed(served.span, error)
        # End the call before the status is sent, so that the log line and the span already exist when the client
        # receives the status.
        self.end(served)
        await context.abort(code, error.message, ((DETAILS_KEY, details_of(error)),))

    def _error(self, served: ServerCall, failure: BaseException) -> ServiceError | None:
        """Return the error to send for `failure`, or None if the client has cancelled the call."""
        if isinstance(failure, asyncio.CancelledError):
            if not served.cancelled_by_server or served.task is None:
                return None
            served.task.uncancel()
            if served.server_stopped:
                return unavailable("SHUTTING_DOWN", "The service is restarting. Please try again.")
            if served.replaced:
                return exhausted(
                    "TOO_MANY_STREAMS",
                    "You have this open in too many windows, so the oldest one is no longer updated. "
                    "Close windows that you do not need, then reload this one.",
                )
            if served.token_expired:
                return unauthenticated(
                    "TOKEN_EXPIRED",
                    "Your sign-in has to be renewed: refresh it, and open this again where it ended.",
                )
            return timed_out("DEADLINE_EXCEEDED", "The request took too long. Please try again.")
        if isinstance(failure, Exception):
            return error_for(failure, trace_id=_trace_id(served.span))
        return None

    def end(self, served: ServerCall) -> None:
        """End a call. Do nothing if the call has already ended."""
        if served.ended:
            return
        served.ended = True
        for timer in (served.deadline_timer, served.token_timer, served.write_timer):
            if timer is not None:
                timer.cancel()
        if served.method.streams_responses:
            self._remove_stream(served)
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
    # `context.code()` of grpc.aio returns a number, although the annotation of this method promises the enum.
    if isinstance(code, grpc.StatusCode):
        return code.name
    return next((known.name for known in grpc.StatusCode if known.value[0] == code), "UNKNOWN")
