"""A browser's cookies: its pages never see a token, and no other site can send one along."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import cast

from proctorium_common.rpc.served import Context
from proctorium_enrollment.operations.accounts import Tokens

ACCESS = "proctorium_token"
REFRESH = "proctorium_refresh"
_REFRESH_PATH = "/proctorium.enrollment.v1.AccountService"
"""The refresh token goes to the one service that takes it."""


class Cookies:
    """Sets and reads cookies. They are Secure unless the edge is plain HTTP on this machine."""

    def __init__(self, *, secure: bool) -> None:
        self._end = (
            "; Secure; HttpOnly; SameSite=Strict" if secure else "; HttpOnly; SameSite=Strict"
        )

    async def set(self, context: Context, tokens: Tokens) -> None:
        """Gives the browser both tokens, for as long as each is good."""
        await self._send(
            context,
            _cookie(ACCESS, tokens.access.text, "/", tokens.access.expire_time),
            _cookie(REFRESH, tokens.refresh, _REFRESH_PATH, tokens.refresh_expire_time),
        )

    async def clear(self, context: Context) -> None:
        """Has the browser forget both."""
        long_ago = datetime(1970, 1, 1, tzinfo=UTC)
        await self._send(
            context,
            _cookie(ACCESS, "", "/", long_ago),
            _cookie(REFRESH, "", _REFRESH_PATH, long_ago),
        )

    async def _send(self, context: Context, *cookies: str) -> None:
        await context.send_initial_metadata(
            tuple(("set-cookie", cookie + self._end) for cookie in cookies)
        )


def refresh_token_of(context: Context) -> str:
    """The refresh token in the cookies of the call; empty where there is none."""
    metadata = cast("Iterable[tuple[str, str]]", context.invocation_metadata() or ())
    for key, value in metadata:
        if key == "cookie":
            for pair in value.split(";"):
                name, _, content = pair.strip().partition("=")
                if name == REFRESH:
                    return content
    return ""


def _cookie(name: str, value: str, path: str, expires: datetime) -> str:
    return (
        f"{name}={value}; Path={path}; Expires={expires.astimezone(UTC):%a, %d %b %Y %H:%M:%S} GMT"
    )
