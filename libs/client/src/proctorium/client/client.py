"""The client: a connection to the edge, a sign-in, and the stubs of all services."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Protocol, Self, TypeVar

import grpc

from proctorium.client.channel import (
    CALL_TIMEOUT_SECONDS,
    Channel,
    Deserialize,
    Metadata,
    Request,
    Response,
    Serialize,
    stub_on,
)
from proctorium.client.connection import open_channel
from proctorium.client.errors import CallError
from proctorium.client.retrying import RetryingChannel, pauses
from proctorium.client.stubs import Stubs
from proctorium.client.tokens import TokenSource
from proctorium.enrollment.v1.accounts_pb2 import SignInRequest, SignOutRequest, Tokens
from proctorium.enrollment.v1.accounts_pb2_grpc import AccountServiceStub
from proctorium.enrollment.v1.people_pb2 import Person

TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105 - the reason of an error
SILENCE_SECONDS = 37.5
"""A watch that sends no message for this time is broken, because services send a heartbeat every 15 seconds."""

_BROKEN = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
"""The errors of a broken connection. A renewal exceeds its deadline if the connection was lost without notice."""


class _WithCursor(Protocol):
    cursor: str


WatchRequest = TypeVar("WatchRequest", bound=_WithCursor)
View = TypeVar("View", bound=_WithCursor)


class Client(Stubs):
    """A client of Proctorium, with one connection and one stub for each service, such as `client.sessions`.

    Create and use the client in one event loop, and close it, for example with `async with`. The methods of the stubs
    return the response, or raise `CallError`. They take a `timeout` in seconds (20 s by default; streams have none).

    Before the access token expires, the client renews it. A call that fails with UNAVAILABLE is retried with backoff
    until its timeout, if the method has no side effects or takes a `request_id`. If a request takes a `request_id` and
    has none, the client sends a new one, so that a retried change is made only once.

    `address` is the `host:port` of the edge. `root_certificates` are the certificate authorities in PEM format, if they
    are not gRPC's. `plaintext` connects without TLS, and only to this machine. `tokens` continue an earlier sign-in.
    `on_tokens` is called with the tokens after each change, for example to store them; None means signed out.
    """

    def __init__(
        self,
        address: str,
        *,
        plaintext: bool = False,
        root_certificates: bytes | None = None,
        tokens: Tokens | None = None,
        on_tokens: Callable[[Tokens | None], None] = lambda _: None,
    ) -> None:
        connection = open_channel(address, plaintext=plaintext, root_certificates=root_certificates)
        self._anonymous = AccountServiceStub(stub_on(RetryingChannel(connection)))
        self._source = TokenSource(self._anonymous, tokens, on_tokens)
        self._channel = _SignedInChannel(connection, self._source)
        super().__init__(stub_on(self._channel))

    @property
    def tokens(self) -> Tokens | None:
        """The current tokens, or None if nobody is signed in."""
        return self._source.tokens

    async def sign_in(self, email: str, password: str, *, stay_signed_in: bool = False) -> Person:
        """Sign in, and return the person. With `stay_signed_in`, the sign-in lasts 12 hours without use."""
        request = SignInRequest(email=email, password=password, stay_signed_in=stay_signed_in)
        response = await self._anonymous.SignIn(request)
        self._source.replace(response.tokens)
        return response.person

    async def sign_out(self) -> None:
        """End the sign-in. Without a sign-in, nothing happens."""
        if self.tokens is None:
            return
        await self._anonymous.SignOut(SignOutRequest(refresh_token=self.tokens.refresh_token))
        self._source.replace(None)

    async def watch(
        self, method: Callable[[WatchRequest], AsyncIterable[View]], request: WatchRequest
    ) -> AsyncIterator[View]:
        """Yield the messages of a watch, such as `client.supervision.WatchRoster`, until the service ends it.

        If the connection breaks, is silent for 37.5 seconds, or the token expires, the watch continues at the last
        cursor, so that no change is missed. Every other error is raised.
        """
        request = copy.deepcopy(request)
        pause = pauses()
        expired = used = ""
        while True:
            try:
                await self._source.renew(expired)
                used = await self._source.access_token()
                async with aclosing(_until_silent(method(request))) as views:
                    async for view in views:
                        request.cursor = view.cursor
                        pause = pauses()
                        yield view
                return
            except TimeoutError:
                pass
            except CallError as error:
                if error.reason == TOKEN_EXPIRED:
                    expired = used
                elif error.code not in _BROKEN:
                    raise
            await asyncio.sleep(next(pause))

    async def close(self) -> None:
        """Wait for a running renewal of the tokens, and close the connection. The sign-in does not end."""
        await self._source.settle()
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.close()


class _TokenChannel(Channel):
    """A channel that sends the access token, and repeats a call once if the service calls its token expired."""

    def __init__(self, channel: grpc.aio.Channel, source: TokenSource) -> None:
        super().__init__(channel)
        self._source = source

    async def metadata(self) -> Metadata:
        """Return the metadata with the access token."""
        token = await self._source.access_token()
        return (("authorization", f"Bearer {token}"),) if token else ()

    def unary_unary(
        self,
        method: str,
        request_serializer: Serialize[Request],
        response_deserializer: Deserialize[Response],
        **_: object,
    ) -> Callable[..., Awaitable[Response]]:
        """Return the function with which a stub calls a unary method."""
        once = super().unary_unary(method, request_serializer, response_deserializer)

        async def attempt(request: Request, timeout: float) -> Response:
            used = await self._source.access_token()
            try:
                return await once(request, timeout=timeout)
            except CallError as error:
                if error.reason != TOKEN_EXPIRED or not used:
                    raise
            await self._source.renew(used)
            return await once(request, timeout=timeout)

        async def send(request: Request, timeout: float = CALL_TIMEOUT_SECONDS) -> Response:
            # The timeout includes the renewal of the token.
            try:
                async with asyncio.timeout(timeout):
                    return await attempt(request, timeout)
            except TimeoutError:
                code = grpc.StatusCode.DEADLINE_EXCEEDED
                raise CallError(code, code.name, "The call took too long.") from None

        return send


class _SignedInChannel(RetryingChannel, _TokenChannel):
    """A channel that renews the token and retries. A repeated call has the same request ID for both reasons."""


async def _until_silent(stream: AsyncIterable[View]) -> AsyncGenerator[View, None]:
    """Yield the messages of `stream`; raise TimeoutError if no message arrives for SILENCE_SECONDS."""
    messages = aiter(stream)
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                message = await anext(messages)
        except StopAsyncIteration:
            return
        yield message
