"""The guard, which adds tracing, logging, error handling, deadlines, access control and validation to each method.

The guard is not a gRPC interceptor, because each interceptor creates a coroutine and several objects for each call. The
guard wraps each method once, when the server is created. A call then needs only one additional coroutine.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, cast

import grpc
from google.protobuf.message import Message

from proctorium_common.rpc.admission import Admission
from proctorium_common.rpc.calls import Context, ServerCall, ServerCalls
from proctorium_common.rpc.methods import Handler, Method

Unary = Callable[[Message, Context], Awaitable[Message]]
Received = Callable[[bytes, Context], Awaitable[Message]]


class Guard:
    """Wraps the method handlers of a server."""

    def __init__(self, admission: Admission, calls: ServerCalls) -> None:
        self._admission = admission
        self._calls = calls

    def wrap(self, method: Method, handler: Handler) -> Handler:
        """Return a handler that runs the guard around `handler`."""
        if handler.response_streaming:
            behavior: Any = self._response_streaming(method, handler)
            make: Any = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_stream_rpc_method_handler
            )
        elif handler.request_streaming:
            behavior, make = (
                self._request_streaming(method, handler),
                grpc.stream_unary_rpc_method_handler,
            )
        else:
            behavior, make = self._unary(method, handler), grpc.unary_unary_rpc_method_handler
        # Pass no deserializer to gRPC, so that the guard parses the requests, and reports parse errors like other
        # errors.
        wrapped: Handler = make(behavior, None, handler.response_serializer)
        return wrapped

    def _unary(self, method: Method, handler: Handler) -> Received:
        behavior = cast(Unary, handler.unary_unary)
        start, fail, end = self._calls.start, self._calls.fail, self._calls.end
        identify, admit = self._admission.identify, self._admission.admit

        async def call(received: bytes, context: Context) -> Message:
            served = start(method, context)
            try:
                if not identify(served, context):
                    await self._admission.verify(served)
                return await behavior(admit(served, received), context)
            except BaseException as failure:
                await fail(served, failure, context)
                raise
            finally:
                end(served)

        return call

    def _request_streaming(
        self, method: Method, handler: Handler
    ) -> Callable[..., Awaitable[Message]]:
        behavior: Any = handler.stream_unary
        calls, admission = self._calls, self._admission

        async def call(received: AsyncIterator[bytes], context: Context) -> Message:
            served = calls.start(method, context)
            try:
                await admission.admit_stream(served, context)
                response: Message = await behavior(
                    _CheckedRequests(received, served, admission), context
                )
                return response
            except BaseException as failure:
                await calls.fail(served, failure, context)
                raise
            finally:
                calls.end(served)

        return call

    def _response_streaming(
        self, method: Method, handler: Handler
    ) -> Callable[..., Awaitable[None]]:
        behavior: Any = handler.stream_stream if handler.request_streaming else handler.unary_stream
        is_coroutine = inspect.iscoroutinefunction(behavior)
        calls, admission = self._calls, self._admission

        async def call(received: Any, context: Context) -> None:
            served = calls.start(method, context)
            calls.open_stream(served)
            stream = cast(Context, _StreamContext(context, served))
            try:
                await admission.admit_stream(served, context)
                request: Any = (
                    _CheckedRequests(received, served, admission)
                    if handler.request_streaming
                    else admission.check(served, received)
                )
                # The first message may come late. Send the initial metadata now, so that the client can detect that
                # the stream is open. The servicers' methods must therefore not send initial metadata.
                await stream.send_initial_metadata(())
                if is_coroutine:
                    await behavior(request, stream)
                else:
                    await _write_all(behavior(request, stream), stream)
            except BaseException as failure:
                await calls.fail(served, failure, context)
                raise
            finally:
                calls.end(served)

        return call


async def _write_all(responses: AsyncIterator[Message], context: Context) -> None:
    write = context.write
    try:
        async for response in responses:
            await write(response)
    finally:
        # Close the generator now. Otherwise the servicer's `finally` would run only at the next garbage collection.
        close = getattr(responses, "aclose", None)
        if close is not None:
            await close()


class _StreamContext:
    """Wraps the context of a stream, so that the stream ends only between two messages.

    The wrapper is needed because gRPC accepts no status while it is sending a message.
    """

    __slots__ = ("_context", "_served")

    def __init__(self, context: Context, served: ServerCall) -> None:
        self._context = context
        self._served = served

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def send_initial_metadata(self, metadata: Sequence[tuple[str, str]]) -> Awaitable[None]:
        """Send the initial metadata, which notifies the client that the stream is open.

        Raises CancelledError afterwards if the stream has to end.
        """
        return self._uninterrupted(self._context.send_initial_metadata(metadata))

    def write(self, message: Any) -> Awaitable[None]:
        """Send a message. Raises CancelledError afterwards if the stream has to end."""
        return self._uninterrupted(self._context.write(message))

    async def _uninterrupted(self, sending: Awaitable[None]) -> None:
        served = self._served
        served.writing = True
        try:
            await sending
        finally:
            served.writing = False
        if served.ends_after_message:
            raise asyncio.CancelledError


class _CheckedRequests:
    """An iterator over the requests of a stream, which checks each request."""

    __slots__ = ("_admission", "_next", "_received", "_served")

    def __init__(
        self, received: AsyncIterator[bytes], served: ServerCall, admission: Admission
    ) -> None:
        self._received = received
        # Create the iterator only when the first request is needed. For a method that needs no request, Python would
        # otherwise warn about a coroutine that is never awaited.
        self._next: Callable[[], Awaitable[bytes]] | None = None
        self._served = served
        self._admission = admission

    def __aiter__(self) -> _CheckedRequests:
        return self

    async def __anext__(self) -> Message:
        if self._next is None:
            self._next = aiter(self._received).__anext__
        return self._admission.check(self._served, await self._next())
