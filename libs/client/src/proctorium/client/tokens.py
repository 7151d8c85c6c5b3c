"""The tokens of a sign-in, and their renewal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import grpc

from proctorium.client.errors import CallError
from proctorium.enrollment.v1.accounts_pb2 import RefreshTokenRequest, Tokens
from proctorium.enrollment.v1.accounts_pb2_grpc import AccountServiceStub

_MARGIN = timedelta(minutes=1)
"""An access token is renewed this long before it expires."""
_EARLY_WAIT_SECONDS = 2.0
"""Calls with a valid access token wait for a renewal until this time after its start. The renewal then continues."""


class TokenSource:
    """Returns an access token that is valid, and renews the tokens if necessary.

    Concurrent calls share one renewal. `accounts` must not authenticate its calls with this object. `on_tokens` is
    called with the new tokens after each change, and with None after the sign-out.
    """

    def __init__(
        self,
        accounts: AccountServiceStub,
        tokens: Tokens | None,
        on_tokens: Callable[[Tokens | None], None],
    ) -> None:
        self._accounts = accounts
        self._on_tokens = on_tokens
        self._renewal: asyncio.Task[None] | None = None
        self._renewal_start = 0.0
        self._clock_is_right = True
        self.tokens = tokens

    def replace(self, tokens: Tokens | None) -> None:
        """Use `tokens`, which the service has just issued, from now on. None means that the client is signed out."""
        self._renewal = None
        self.tokens = tokens
        # New tokens that seem to expire now show that the clock of this machine is fast. They are then used until a
        # service refuses them. Otherwise, every call would renew the tokens.
        self._clock_is_right = tokens is None or _left(tokens) >= _MARGIN
        self._on_tokens(tokens)

    async def access_token(self) -> str:
        """Return a valid access token, or an empty text if the client is signed out."""
        tokens = self.tokens
        if tokens is not None and self._clock_is_right and _left(tokens) < _MARGIN:
            await self._renew_early(tokens)
        return self.tokens.access_token if self.tokens is not None else ""

    async def renew(self, expired: str) -> None:
        """Renew the tokens, if `expired` is still the access token.

        A service has refused the token. This happens if the clock of this machine is wrong.
        """
        if self.tokens is not None and self.tokens.access_token == expired:
            await asyncio.shield(self._renewal_of(self.tokens))

    async def settle(self) -> None:
        """Wait for the running renewal, whose new tokens would otherwise be lost."""
        if self._renewal is not None:
            await asyncio.wait([self._renewal])

    async def _renew_early(self, tokens: Tokens) -> None:
        renewal = self._renewal_of(tokens)
        if _left(tokens) > timedelta():
            # The service that renews tokens may be down or slow. The other services accept the access token until it
            # expires.
            waited = asyncio.get_running_loop().time() - self._renewal_start
            await asyncio.wait([renewal], timeout=max(0.0, _EARLY_WAIT_SECONDS - waited))
            if not renewal.done():
                return
        try:
            await asyncio.shield(renewal)
        except CallError as error:
            if error.code is grpc.StatusCode.UNAUTHENTICATED or _left(tokens) <= timedelta():
                raise

    def _renewal_of(self, tokens: Tokens) -> asyncio.Task[None]:
        """Return the running renewal of the current tokens, or start it.

        The renewal is a task, so that the new tokens are not lost if the call that started it is cancelled: the old
        refresh token, used again later, would end the sign-in.
        """
        if self._renewal is None or self._renewal.done():
            self._renewal_start = asyncio.get_running_loop().time()
            self._renewal = asyncio.create_task(self._renew(tokens))
            self._renewal.add_done_callback(_retrieve)
        return self._renewal

    async def _renew(self, tokens: Tokens) -> None:
        request = RefreshTokenRequest(refresh_token=tokens.refresh_token)
        try:
            renewed = (await self._accounts.RefreshToken(request)).tokens
        except CallError:
            if self.tokens is tokens:
                raise
            return
        # During the renewal, the caller may have signed out, or signed in as another person.
        if self.tokens is tokens:
            self.replace(renewed)


def _retrieve(renewal: asyncio.Task[None]) -> None:
    """Retrieve the error of a renewal for which no call waits any more, so that asyncio does not report it."""
    if not renewal.cancelled():
        renewal.exception()


def _left(tokens: Tokens) -> timedelta:
    return tokens.access_expire_time.ToDatetime(UTC) - datetime.now(UTC)
