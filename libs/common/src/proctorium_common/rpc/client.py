"""Channels to other services, with certificates, deadlines, tracing, load balancing, health checks and retries.

`Channel` does not use gRPC's client interceptors, because interceptors create a task for every call. Instead, `Channel`
wraps the callables of a stub, and adds the deadline and the metadata to a plain gRPC call.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from types import TracebackType
from typing import Any, TypeVar

import grpc
from google.protobuf.descriptor import MethodDescriptor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from proctorium_common.rpc.caller import optional_call
from proctorium_common.rpc.methods import is_free_of_side_effects, service_descriptor
from proctorium_common.security.tls import Certificates, require_loopback
from proctorium_common.telemetry.metrics import Metrics
from proctorium_common.telemetry.traces import (
    current_trace_context,
    current_tracing,
    headers_of,
)

T = TypeVar("T")

DEFAULT_DEADLINE = timedelta(seconds=5)

_MAX_TRIES = 3
_RETRY = {
    "maxAttempts": _MAX_TRIES,
    "initialBackoff": "0.05s",
    "maxBackoff": "0.5s",
    "backoffMultiplier": 3,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
# If more than one call in ten fails, gRPC stops retrying, so that retries do not overload a recovering service.
_THROTTLING = {"maxTokens": 20, "tokenRatio": 0.1}

_OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Reconnect to a restarted replica within two seconds; gRPC's default is up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    # The time limit for connecting. On a busy machine, a TLS handshake can take longer than half a second. A
    # failed connection ends the waiting calls of methods that have side effects, because gRPC does not retry them.
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]


def channel(
    address: str,
    *,
    certificates: Certificates | None = None,
    server: str | None = None,
    metrics: Metrics | None = None,
    default_deadline: timedelta = DEFAULT_DEADLINE,
    bearer: Callable[[], str] | None = None,
) -> Channel:
    """Return a channel to the service at `address`.

    With `certificates`, the connection uses mutual TLS, and the server must present the certificate of the service
    named `server`. Without `certificates`, the address must be on the loopback; otherwise NotLoopbackError is raised.

    A unary call without a timeout has the deadline `default_deadline`. If the current task serves a call, no outgoing
    call has a later deadline than the served call. `bearer` returns the access token that each call sends.
    """
    if certificates is None:
        require_loopback(address)
    return Channel(
        address,
        credentials=None if certificates is None else certificates.client(),
        server=server,
        metrics=metrics or Metrics("unnamed"),
        default_seconds=default_deadline.total_seconds(),
        bearer=bearer,
    )


class Channel(grpc.aio.Channel):
    """A channel for generated stubs, with one gRPC channel (a pool of connections) for each gRPC service.

    Each gRPC channel checks the health of its gRPC service, and retries calls of methods that have no side effects.
    """

    def __init__(
        self,
        address: str,
        *,
        credentials: grpc.ChannelCredentials | None,
        server: str | None,
        metrics: Metrics,
        default_seconds: float,
        bearer: Callable[[], str] | None,
    ) -> None:
        self._address = address
        self._credentials = credentials
        self._server = server
        self._pools: dict[str, grpc.aio.Channel] = {}
        self._wrapper = _CallWrapper(metrics, default_seconds, bearer)

    def unary_unary(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Return a callable for a method with one request and one response."""
        return self._wrap(method, "unary_unary", arguments, named)

    def unary_stream(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Return a callable for a method with one request and a stream of responses."""
        return self._wrap(method, "unary_stream", arguments, named)

    def stream_unary(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Return a callable for a method with a stream of requests and one response."""
        return self._wrap(method, "stream_unary", arguments, named)

    def stream_stream(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Return a callable for a method with a stream of requests and a stream of responses."""
        return self._wrap(method, "stream_stream", arguments, named)

    def _wrap(
        self, method: str, shape: str, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> Callable[..., Any]:
        pool = self._pool(method.rpartition("/")[0].lstrip("/"))
        inner = getattr(pool, shape)(method, *arguments, **named)
        return self._wrapper.wrap(inner, method, shape)

    def _pool(self, service: str) -> grpc.aio.Channel:
        pool = self._pools.get(service)
        if pool is None:
            options = [*_OPTIONS, ("grpc.service_config", json.dumps(service_config(service)))]
            if self._credentials is None:
                pool = grpc.aio.insecure_channel(self._address, options)
            else:
                if self._server is not None:
                    options.append(("grpc.ssl_target_name_override", self._server))
                pool = grpc.aio.secure_channel(self._address, self._credentials, options)
            self._pools[service] = pool
        return pool

    def _any_pool(self) -> grpc.aio.Channel:
        return next(iter(self._pools.values()), None) or self._pool("")

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Return the state of the first pool."""
        return self._any_pool().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the state of the first pool is not `last_observed_state`."""
        await self._any_pool().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Wait until each pool has a healthy replica."""
        for pool in list(self._pools.values()) or [self._any_pool()]:
            await pool.channel_ready()

    async def close(self, grace: float | None = None) -> None:
        """Close the connections. Calls in progress have `grace` seconds to finish."""
        for pool in self._pools.values():
            await pool.close(grace)

    async def __aenter__(self) -> Channel:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.close()


def service_config(service: str) -> dict[str, object]:
    """Return the gRPC service config for a channel to the gRPC service with the full name `service`.

    The config specifies round robin over healthy replicas, and retries for methods without side effects.
    """
    names = [
        {"service": service, "method": method.name}
        for method in _methods(service)
        if is_free_of_side_effects(method.GetOptions())
    ]
    return {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": service},
        "retryThrottling": _THROTTLING,
        "methodConfig": [{"name": names, "retryPolicy": _RETRY}] if names else [],
    }


def _methods(service: str) -> Iterable[MethodDescriptor]:
    try:
        return service_descriptor(service).methods
    except KeyError:  # without the generated code, no method is known to be safe to retry
        return ()


class _CallWrapper:
    """Adds a deadline, metadata, a span and a metric to each outgoing call."""

    def __init__(
        self, metrics: Metrics, default_seconds: float, bearer: Callable[[], str] | None
    ) -> None:
        self._metrics = metrics
        self._default_seconds = default_seconds
        self._bearer = bearer

    def wrap(self, inner: Callable[..., Any], method: str, shape: str) -> Callable[..., Any]:
        is_unary, streams_requests = shape == "unary_unary", shape.startswith("stream_")
        service, _, name = method.lstrip("/").partition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}

        def call(
            *requests: Any,
            timeout: float | None = None,
            metadata: Iterable[tuple[str, str | bytes]] | None = None,
            **named: Any,
        ) -> Any:
            tracing, context = current_tracing(), current_trace_context()
            span = tracing.start(f"{service}/{name}", context, SpanKind.CLIENT, attributes)
            # A service that records no spans makes no sampling decision. Such a service must not send the context of a
            # new trace, because the context would contain a sampling decision.
            headers = (
                {}
                if context is None and not tracing.is_recording
                else headers_of(span.get_span_context())
            )
            started = time.perf_counter()
            started_call = inner(
                *requests,
                timeout=self._seconds(timeout, is_unary=is_unary),
                metadata=self._metadata(metadata, headers),
                **named,
            )
            if streams_requests:
                keep_status(started_call)
            started_call.add_done_callback(lambda ended: self._ended(ended, method, span, started))
            return started_call

        return call

    def _seconds(self, timeout: float | None, *, is_unary: bool) -> float | None:
        if timeout is None and is_unary:
            timeout = self._default_seconds
        current = optional_call()
        left = None if current is None else current.remaining()
        if left is None or timeout is None:
            return timeout if left is None else left
        return min(timeout, left)

    def _metadata(
        self, metadata: Iterable[tuple[str, str | bytes]] | None, headers: dict[str, str]
    ) -> tuple[tuple[str, str | bytes], ...]:
        if self._bearer is not None:
            headers["authorization"] = f"Bearer {self._bearer()}"
        return (*(metadata or ()), *headers.items())

    def _ended(self, ended: Any, method: str, span: Span, started: float) -> None:
        code = _code_of(ended)
        self._metrics.record_called(method, code.name, time.perf_counter() - started)
        if span.is_recording():
            span.set_attribute("rpc.grpc.status", code.name)
            if code is not grpc.StatusCode.OK:
                span.set_status(Status(StatusCode.ERROR, code.name))
            span.end()


def _code_of(ended: Any) -> grpc.StatusCode:
    # The status code of an ended call is available without waiting, so run the coroutine here, and not in a task.
    try:
        ended.code().send(None)
    except StopIteration as result:
        code: grpc.StatusCode = result.value
        return code
    return grpc.StatusCode.UNKNOWN


class _StatusFirst:
    """A wrapper of a gRPC call, which prevents a failed send from changing the status of the call."""

    __slots__ = ("_call",)

    def __init__(self, call: Any) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def set_internal_error(self, _: str) -> None:
        """Do nothing, so that the call gets the status from the server. The caller waits for this status next."""


def keep_status(call: T) -> T:
    """Make `call` end with the status from the server even if sending a request fails, and return `call`.

    `call` is a new call with a stream of requests. If the server ends the call while the client is still sending,
    gRPC's core reports the failed send and the status in either order. If the failed send is reported first, `grpc.aio`
    ends the call with INTERNAL, although the server sent a status. Because the status always arrives, a failed send can
    be ignored. `grpc.aio` has no public API to ignore a failed send. A test fails if this function no longer works with
    a new version of the library.
    """
    inner: Any = call
    inner._cython_call = _StatusFirst(inner._cython_call)  # noqa: SLF001 - see above
    return call
