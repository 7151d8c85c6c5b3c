"""A server in the test's process that stands for the edge, with the errors that real services send."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.message_factory import GetMessageClass

from proctorium.enrollment.v1.accounts_pb2 import (
    GetMeResponse,
    RefreshTokenRequest,
    RefreshTokenResponse,
    Tokens,
)
from proctorium.enrollment.v1.people_pb2 import Person
from proctorium_common.errors import ServiceError
from proctorium_common.rpc.status import CODES, DETAILS_KEY, details_of

Handle = Callable[[Any, "Received"], Awaitable[Any]]
WatchHandle = Callable[[Any], AsyncIterator[Any]]


@dataclass
class Received:
    """One call that the edge received, with its request and access token."""

    method: str
    request: Any
    token: str


@dataclass
class FakeEdge(grpc.GenericRpcHandler):
    """Calls the function in `handlers` for each method. Without a function, tokens are renewed and GetMe succeeds."""

    address: str = ""
    handlers: dict[str, Handle] = field(default_factory=dict)
    watches: dict[str, WatchHandle] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)

    def requests(self, method: str) -> list[Any]:
        """Return the requests of the calls of `method`."""
        return [each.request for each in self.received if each.method == method]

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Return the handler of a method of any service."""
        full_name = details.method.lstrip("/").replace("/", ".")
        method = descriptor_pool.Default().FindMethodByName(full_name)
        name = method.name
        request_type = GetMessageClass(method.input_type)

        async def call(request: Any, context: Any) -> Any:
            call = Received(name, request, _token_of(context))
            self.received.append(call)
            try:
                return await self.handlers.get(name, _answer)(request, call)
            except ServiceError as error:
                await _abort(context, error)

        async def watch(request: Any, context: Any) -> AsyncIterator[Any]:
            self.received.append(Received(name, request, _token_of(context)))
            try:
                async for view in self.watches[name](request):
                    yield view
            except ServiceError as error:
                await _abort(context, error)

        def serialize(response: Any) -> bytes:
            return bytes(response.SerializeToString())

        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(watch, request_type.FromString, serialize)
        return grpc.unary_unary_rpc_method_handler(call, request_type.FromString, serialize)


async def _answer(request: Any, call: Received) -> Any:
    if isinstance(request, RefreshTokenRequest):
        return RefreshTokenResponse(tokens=tokens(f"renewed-{request.refresh_token}"))
    return GetMeResponse(person=Person(legal_name=call.token))


def tokens(name: str, left: timedelta = timedelta(minutes=10)) -> Tokens:
    """Return tokens with the access token `name`, which expires after `left`."""
    made = Tokens(access_token=name, refresh_token=name)
    made.access_expire_time.FromDatetime(datetime.now(UTC) + left)
    return made


def _token_of(context: Any) -> str:
    return str(dict(context.invocation_metadata()).get("authorization", "")).removeprefix("Bearer ")


async def _abort(context: Any, error: ServiceError) -> None:
    context.set_trailing_metadata(((DETAILS_KEY, details_of(error)),))
    await context.abort(CODES[error.kind], error.message)


@asynccontextmanager
async def running_edge(
    credentials: grpc.ServerCredentials | None = None,
) -> AsyncIterator[FakeEdge]:
    """Run a new edge on a free port, with TLS if `credentials` are given."""
    edge = FakeEdge()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((edge,))
    port = (
        server.add_insecure_port("localhost:0")
        if credentials is None
        else server.add_secure_port("localhost:0", credentials)
    )
    edge.address = f"localhost:{port}"
    await server.start()
    try:
        yield edge
    finally:
        await server.stop(None)
