"""The guard around every method, in this order: trace, log line, errors, deadline, caller, access, validation.

gRPC's own interceptors cost a coroutine and several objects for every call and layer. Here each method is wrapped once,
when the server is made, and a call passes one coroutine that is ours; that keeps a save near the bare limit.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, cast

import grpc
from google.protobuf.message import Message

from proctorium_common.rpc.admission import Admission
from proctorium_common.rpc.methods import Handler, Method
from proctorium_common.rpc.served import Context, Served, ServedCalls

Unary = Callable[[Message, Context], Awaitable[Message]]
Received = Callable[[bytes, Context], Awaitable[Message]]


class Guard:
    """Wraps the handlers of one server."""

    def __init__(self, admission: Admission, calls: ServedCalls) -> None:
        self._admission = admission
        self._calls = calls

    def wrap(self, method: Method, handler: Handler) -> Handler:
        """Return the handler that the server gets instead of `handler`."""
        if handler.response_streaming:
            behavior: Any = self._many_answers(method, handler)
            make: Any = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_stream_rpc_method_handler
            )
        elif handler.request_streaming:
            behavior, make = (
                self._many_requests(method, handler),
                grpc.stream_unary_rpc_method_handler,
            )
        else:
            behavior, make = self._single(method, handler), grpc.unary_unary_rpc_method_handler
        # No deserializer: what cannot be read is answered by us, and not with a stack of gRPC's.
        wrapped: Handler = make(behavior, None, handler.response_serializer)
        return wrapped

    def _single(self, method: Method, handler: Handler) -> Received:
        behavior = cast(Unary, handler.unary_unary)
        begin, fail, end = self._calls.begin, self._calls.fail, self._calls.end
        identify, admit = self._admission.identify, self._admission.admit

        async def call(received: bytes, context: Context) -> Message:
            served = begin(method, context)
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

    def _many_requests(self, method: Method, handler: Handler) -> Callable[..., Awaitable[Message]]:
        behavior: Any = handler.stream_unary
        calls, admission = self._calls, self._admission

        async def call(received: AsyncIterator[bytes], context: Context) -> Message:
            served = calls.begin(method, context)
            try:
                await admission.admit_stream(served, context)
                response: Message = await behavior(_Checked(received, served, admission), context)
                return response
            except BaseException as failure:
                await calls.fail(served, failure, context)
                raise
            finally:
                calls.end(served)

        return call

    def _many_answers(self, method: Method, handler: Handler) -> Callable[..., Awaitable[None]]:
        behavior: Any = handler.stream_stream if handler.request_streaming else handler.unary_stream
        writes_by_itself = inspect.iscoroutinefunction(behavior)
        calls, admission = self._calls, self._admission

        async def call(received: Any, context: Context) -> None:
            served = calls.begin(method, context)
            calls.open_stream(served)
            whole = cast(Context, _WholeMessages(context, served))
            try:
                await admission.admit_stream(served, context)
                request: Any = (
                    _Checked(received, served, admission)
                    if handler.request_streaming
                    else admission.check(served, received)
                )
                # A stream may be silent for long: who opened it learns now that it is open, so no behavior sends
                # metadata itself.
                await whole.send_initial_metadata(())
                if writes_by_itself:
                    await behavior(request, whole)
                else:
                    await _write_all(behavior(request, whole), whole)
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
        # A learner who left is noticed by the servicer's own `finally`, now and not at some collection of garbage.
        close = getattr(responses, "aclose", None)
        if close is not None:
            await close()


class _WholeMessages:
    """The context of a stream that ends between two messages only: gRPC accepts no status while it sends one."""

    __slots__ = ("_context", "_served")

    def __init__(self, context: Context, served: Served) -> None:
        self._context = context
        self._served = served

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def send_initial_metadata(self, metadata: Sequence[tuple[str, str]]) -> Awaitable[None]:
        """Tell the client that the stream is open; raises as `write` does."""
        return self._undisturbed(self._context.send_initial_metadata(metadata))

    def write(self, message: Any) -> Awaitable[None]:
        """Send one message; raises CancelledError after it when the stream is to end."""
        return self._undisturbed(self._context.write(message))

    async def _undisturbed(self, sending: Awaitable[None]) -> None:
        served = self._served
        served.writing = True
        try:
            await sending
        finally:
            served.writing = False
        if served.ends_after_message:
            raise asyncio.CancelledError


class _Checked:
    """The requests of a stream, each checked when it is taken."""

    __slots__ = ("_admission", "_next", "_received", "_served")

    def __init__(
        self, received: AsyncIterator[bytes], served: Served, admission: Admission
    ) -> None:
        # gRPC's iterator is made when the first request is taken: one that nobody awaits is a warning.
        self._received = received
        self._next: Callable[[], Awaitable[bytes]] | None = None
        self._served = served
        self._admission = admission

    def __aiter__(self) -> _Checked:
        return self

    async def __anext__(self) -> Message:
        if self._next is None:
            self._next = aiter(self._received).__anext__
        return self._admission.check(self._served, await self._next())
