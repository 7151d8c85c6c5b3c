"""The cookies that contain tokens, and the device cookie.

Scripts cannot read the cookies, and browsers do not send them with calls from other sites.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import cast

from proctorium_common.errors import not_allowed
from proctorium_common.rpc.calls import Context
from proctorium_enrollment.operations.accounts import SignedIn, Tokens

ACCESS = "proctorium_token"
REFRESH = "proctorium_refresh"
DEVICE = "proctorium_device"
_HOST = "__Host-"
"""The prefix of the cookies' names.

Browsers accept a cookie with this prefix only from this host and over HTTPS, so no other host can set the cookie.
"""
_ACCOUNT_PATH = "/proctorium.enrollment.v1.AccountService"
"""Browsers send the refresh token and the device cookie only to this service."""
_OWN_SITE = frozenset({"same-origin", "none"})


class Cookies:
    """Sets and reads the cookies.

    `secure` is false only if the edge uses plain HTTP on the local machine. If `secure` is true, browsers store the
    cookies only for this host and send them only over HTTPS. The edge then passes the refresh token and the device
    cookie only to AccountService.
    """

    def __init__(self, *, secure: bool) -> None:
        prefix = _HOST if secure else ""
        self._access, self._refresh = prefix + ACCESS, prefix + REFRESH
        self._device = prefix + DEVICE
        self._account_path = "/" if secure else _ACCOUNT_PATH
        self._end = (
            "; Secure; HttpOnly; SameSite=Strict" if secure else "; HttpOnly; SameSite=Strict"
        )

    async def set(self, context: Context, tokens: Tokens, *device: str) -> None:
        """Set the cookies that contain `tokens`, and the device cookie `device` unless it is missing.

        If the person chose to stay signed in, the cookies that contain tokens expire with the tokens. Otherwise, the
        browser removes these cookies when it is closed. After a sign-in, `device` is the result of `device_cookie`.
        """
        access_expires, refresh_expires = None, None
        if tokens.stay_signed_in:
            access_expires, refresh_expires = tokens.access.expire_time, tokens.refresh_expires_at
        await self._send(
            context,
            _cookie(self._access, tokens.access.text, "/", access_expires),
            _cookie(self._refresh, tokens.refresh, self._account_path, refresh_expires),
            *device,
        )

    def device_cookie(self, signed_in: SignedIn) -> str:
        """Return the device cookie of a sign-in.

        Browsers keep the device cookie after the person signs out and after the browser is closed.
        """
        return _cookie(
            self._device,
            signed_in.device_cookie,
            self._account_path,
            signed_in.device_cookie_expires_at,
        )

    async def clear(self, context: Context) -> None:
        """Remove the cookies that contain tokens from the browser."""
        long_ago = datetime(1970, 1, 1, tzinfo=UTC)
        await self._send(
            context,
            _cookie(self._access, "", "/", long_ago),
            _cookie(self._refresh, "", self._account_path, long_ago),
        )

    def refresh_token_of(self, context: Context) -> str:
        """Return the refresh token in the cookies of the call, or an empty string if there is none."""
        return _value(context, self._refresh)

    def device_of(self, context: Context) -> str:
        """Return the device cookie of the call, or an empty string if there is none."""
        return _value(context, self._device)

    async def _send(self, context: Context, *cookies: str) -> None:
        await context.send_initial_metadata(
            tuple(("set-cookie", cookie + self._end) for cookie in cookies)
        )


def require_own_site(context: Context) -> None:
    """Raise CROSS_SITE_REQUEST if the browser reports that a page of another site makes the call.

    Such a page could otherwise sign its visitor out, or sign them in as another person.
    """
    site = _header(context, "sec-fetch-site")
    if site and site not in _OWN_SITE:
        raise not_allowed(
            "CROSS_SITE_REQUEST",
            "Another website asked for this. Please open Proctorium itself and try again there.",
        )


def is_browser(context: Context) -> bool:
    """Return whether the call comes from a page in a browser.

    A browser receives tokens as cookies, so that scripts of the pages cannot read the tokens.
    """
    return bool(_header(context, "sec-fetch-site") or _header(context, "origin"))


def _header(context: Context, name: str) -> str:
    metadata = cast("Iterable[tuple[str, str]]", context.invocation_metadata() or ())
    return next((value for key, value in metadata if key == name), "")


def _value(context: Context, name: str) -> str:
    for pair in _header(context, "cookie").split(";"):
        found, _, content = pair.strip().partition("=")
        if found == name:
            return content
    return ""


def _cookie(name: str, value: str, path: str, expires: datetime | None) -> str:
    """Return a cookie that the browser removes at the time `expires`.

    If `expires` is None, the browser removes the cookie when the browser is closed.
    """
    until = (
        "" if expires is None else f"; Expires={expires.astimezone(UTC):%a, %d %b %Y %H:%M:%S} GMT"
    )
    return f"{name}={value}; Path={path}{until}"
