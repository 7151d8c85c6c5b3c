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
        self._renewing = asyncio.Lock()
        self.tokens = tokens

    def replace(self, tokens: Tokens | None) -> None:
        """Use `tokens` from now on. None means that the client is signed out."""
        self.tokens = tokens
        self._on_tokens(tokens)

    async def access_token(self) -> str:
        """Return a valid access token, or an empty text if the client is signed out."""
        if self.tokens is not None and _left(self.tokens) < _MARGIN:
            async with self._renewing:
                await self._renew_early()
        return self.tokens.access_token if self.tokens is not None else ""

    async def renew(self, expired: str) -> None:
        """Renew the tokens, if `expired` is still the access token.

        A service has refused the token. This happens if the clock of this machine is slow.
        """
        async with self._renewing:
            if self.tokens is not None and self.tokens.access_token == expired:
                await self._renew()

    async def _renew_early(self) -> None:
        if self.tokens is None or _left(self.tokens) >= _MARGIN:
            return
        try:
            await self._renew()
        except CallError as error:
            # The service that renews tokens may be down. The other services accept the access token until it expires.
            if error.code is grpc.StatusCode.UNAUTHENTICATED or _left(self.tokens) <= timedelta():
                raise

    async def _renew(self) -> None:
        assert self.tokens is not None
        request = RefreshTokenRequest(refresh_token=self.tokens.refresh_token)
        self.replace((await self._accounts.RefreshToken(request)).tokens)


def _left(tokens: Tokens) -> timedelta:
    return tokens.access_expire_time.ToDatetime(UTC) - datetime.now(UTC)
