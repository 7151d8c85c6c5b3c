"""Call any method with any bytes: through the edge by gRPC, gRPC-Web or JSON, or directly by gRPC as a service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import grpc
import httpx2
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from e2e.grpc_web import WebChannel
from proctorium_common.descriptors import descriptor_set
from proctorium_common.errors import MESSAGE_BYTES, VIOLATION_LIMIT, Kind, ServiceError
from proctorium_common.rpc.client import keep_status
from proctorium_common.rpc.status import DETAILS_KEY, DOMAIN, details_of, error_in, error_of
from proctorium_devstack.testing.contracts import path_of

CALL_SECONDS = 20.0
STREAM_SECONDS = 1.5
DETAILS_BYTES = 4096
GRPC_BYTES = 4 * 1024 * 1024
HTTP1_BYTES = 1024 * 1024
"""The size in bytes of the largest request that is sent over HTTP/1.1.

The edge closes the connection when it refuses a larger request. A client that is still sending may then miss the
response.
"""
# Reasons of refusals that may occur at any time. A refusal with such a reason is not a fault.
_MAY_BE_UNAVAILABLE = {"IMAGE_READERS_BUSY"}
_SENTENCE_ENDS = (".", "!", "?", ".)", "…")


@dataclass(frozen=True)
class Outcome:
    """The result of a call: the refusal (None if the call was not refused), the received messages, and the fault.

    `fault` describes an error in the response, and is empty if the response is correct.
    """

    refusal: ServiceError | None = None
    messages: Sequence[bytes] = ()
    fault: str = ""

    @property
    def reason(self) -> str:
        """The reason for the refusal, or OK if the call was not refused."""
        return "OK" if self.refusal is None else self.refusal.reason


@dataclass
class Caller:
    """A caller is a person with a token, an anonymous person, or a service with its certificate."""

    name: str
    roles: frozenset[str] = frozenset()
    token: str | None = None
    person_id: str = ""
    service: str | None = None
    web: WebChannel | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that authenticate the caller."""
        return {} if self.token is None else {"authorization": f"Bearer {self.token}"}


async def by_grpc(
    channel: Any, method: MethodDescriptor, caller: Caller, requests: Sequence[bytes]
) -> Outcome:
    """Call over gRPC on a channel to the edge or to a service; return the outcome."""
    shape = f"{_cardinality(method.client_streaming)}_{_cardinality(method.server_streaming)}"
    streams = method.client_streaming or method.server_streaming
    request = _each(requests) if method.client_streaming else requests[0]
    call = getattr(channel, shape)(path_of(method))
    running = call(
        request,
        metadata=tuple(caller.headers.items()),
        timeout=STREAM_SECONDS if streams else CALL_SECONDS,
    )
    if method.client_streaming and method.server_streaming:
        keep_status(running)
    messages: list[bytes] = []
    try:
        if not method.server_streaming:
            messages.append(await running)
            return Outcome(messages=messages)
        async for message in running:
            messages.append(message)
            if not method.client_streaming:
                running.cancel()
                break
    except grpc.aio.AioRpcError as failed:
        if streams and failed.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return Outcome(messages=messages)
        if max(map(len, requests)) > GRPC_BYTES and error_of(failed).kind is Kind.EXHAUSTED:
            # The gRPC library refuses a request above the size limit of the service, and gives no error details.
            return Outcome(error_of(failed), messages)
        details = dict(failed.trailing_metadata() or ()).get(DETAILS_KEY)
        return _refused(error_of(failed), _as_bytes(details), messages)
    return Outcome(messages=messages)


async def by_web(
    channel: WebChannel, method: MethodDescriptor, requests: Sequence[bytes]
) -> Outcome:
    """Call over gRPC-Web; return the outcome."""
    messages: list[bytes] = []
    call = channel.unary_stream(path_of(method), _identity, _identity)  # type: ignore[type-var]
    seconds = STREAM_SECONDS if method.server_streaming else CALL_SECONDS
    try:
        async with asyncio.timeout(seconds), aclosing(call(requests[0])) as responses:  # type: ignore[type-var]
            async for message in responses:
                messages.append(message)
                if method.server_streaming:
                    break
    except TimeoutError:
        return Outcome(messages=messages, fault="" if method.server_streaming else "no response")
    except ServiceError as refusal:
        return _refused(refusal, details_of(refusal), messages)
    except AssertionError as failure:
        return Outcome(fault=str(failure))
    if not method.server_streaming and len(messages) != 1:
        return Outcome(fault=f"{len(messages)} responses")
    return Outcome(messages=messages)


async def by_json(
    http: httpx2.AsyncClient, method: MethodDescriptor, caller: Caller, body: str, query: str = ""
) -> Outcome:
    """Call with JSON, which the edge transcodes to gRPC; return the outcome without the messages of the response."""
    headers = {"content-type": "application/json", **caller.headers}
    content = body.encode("utf-8", "surrogatepass")
    try:
        async with http.stream(
            "POST", path_of(method) + query, headers=headers, content=content
        ) as response:
            if response.status_code == httpx2.codes.OK:
                async for _ in response.aiter_raw():
                    break
                return Outcome()
            text = (await response.aread()).decode()
    except httpx2.ReadTimeout:
        return Outcome(fault="" if method.server_streaming else "no response")
    except httpx2.TransportError as error:
        return Outcome(fault=f"the connection broke: {type(error).__name__} {error}")
    try:
        status = json_format.Parse(text, status_pb2.Status(), ignore_unknown_fields=True)
    except json_format.ParseError:
        return Outcome(fault=f"HTTP {response.status_code} with no status: {text[:200]!r}")
    details = status.SerializeToString()
    return _refused(error_in(details), details, ())


@cache
def known_reasons() -> frozenset[str]:
    """Return the reasons of refusals that the protos define."""
    return frozenset(
        value.name.removeprefix("COMMON_").removeprefix("REASON_")
        for file in descriptor_set().file
        for enum in file.enum_type
        if enum.name in {"Reason", "CommonReason"}
        for value in enum.value
        if value.number
    )


def _refused(refusal: ServiceError, details: bytes, messages: Sequence[bytes]) -> Outcome:
    return Outcome(refusal, messages, fault_of(refusal, details))


def fault_of(refusal: ServiceError, details: bytes) -> str:
    """Return a text that describes what is wrong with a refusal; return an empty text if the refusal is correct."""
    info = error_details_pb2.ErrorInfo()
    try:
        status = status_pb2.Status.FromString(details)
    except DecodeError:
        status = status_pb2.Status()
    if not any(detail.Unpack(info) for detail in status.details) or info.domain != DOMAIN:
        return f"no reason: {refusal}"
    if refusal.kind is Kind.INTERNAL or refusal.reason not in known_reasons():
        return str(refusal)
    if refusal.kind in {Kind.UNAVAILABLE, Kind.TIMED_OUT}:
        return "" if refusal.reason in _MAY_BE_UNAVAILABLE else str(refusal)
    if not refusal.message.rstrip().endswith(_SENTENCE_ENDS):
        return f"no sentence: {refusal}"
    if len(refusal.message.encode()) > MESSAGE_BYTES or len(refusal.violations) > VIOLATION_LIMIT:
        return f"too long: {refusal}"
    if len(details) > DETAILS_BYTES:
        return f"details of {len(details)} bytes: {refusal}"
    return ""


def _as_bytes(details: object) -> bytes:
    if isinstance(details, bytes):
        return details
    return details.encode() if isinstance(details, str) else b""


def _identity(message: bytes) -> bytes:
    return message


async def _each(requests: Sequence[bytes]) -> AsyncIterator[bytes]:
    for request in requests:
        yield request


def _cardinality(streams: bool) -> str:
    return "stream" if streams else "unary"
