"""The server of the built pages.

The server returns the same HTML document for every page address. Browsers may cache the assets permanently.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUILT = Path(__file__).parent / "pages"
_HEAD_END = "</head>"
# Paths that probes and scanners request. The paths have no dot, but are not page addresses, so the portal returns 404.
_NO_PAGES = frozenset({"metrics"})

# The headers of every response. With these headers, browsers load scripts and styles only from the portal. No site may
# embed the pages in a frame. Browsers must not guess content types, because a guessed type could turn a file into a
# script. Images may be blobs, because the pages for identity verification show photos as blobs. Images may also come
# from other sites, because lessons can contain images of other sites. Only the portal's own pages may use the camera
# and the microphone.
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data: https:; media-src 'self' blob:; "
        "connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
}


class NotBuiltError(Exception):
    """The built pages are missing."""


def application(built: Path, browser_trace_ratio: float) -> Starlette:
    """Return the application that serves the pages in the directory `built`.

    `browser_trace_ratio` is the share of calls that browsers trace. The HTML document contains this share, so that the
    pages can read it. Raises NotBuiltError if the directory contains no pages.
    """
    try:
        document = (built / "index.html").read_text("utf-8")
    except FileNotFoundError as missing:
        raise NotBuiltError("The web pages are not built: run `make portal`.") from missing
    told = f'<meta name="trace-ratio" content="{browser_trace_ratio:g}" />'
    document = document.replace(_HEAD_END, f"{told}\n  {_HEAD_END}", 1)

    async def page(request: Request) -> Response:
        if not _can_be_page(request.path_params["address"]):
            return PlainTextResponse("There is no such page.\n", status_code=404)
        # Browsers must revalidate the document, because an old document refers to scripts that no longer exist.
        return HTMLResponse(document, headers={"cache-control": "no-cache"})

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def service_worker(_: Request) -> Response:
        # Browsers must also revalidate the service worker, because an old service worker would continue to serve old
        # pages.
        return FileResponse(
            built / "sw.js", media_type="text/javascript", headers={"cache-control": "no-cache"}
        )

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/sw.js", service_worker),
            Mount("/assets", _Immutable(StaticFiles(directory=built / "assets"))),
            Route("/{address:path}", page),
        ],
        middleware=[Middleware(_WithSecurityHeaders), Middleware(GZipMiddleware)],
    )


def _can_be_page(address: str) -> bool:
    """Return whether `address` can be the address of a page.

    A page address consists of words and IDs, and has no dot. An address with a dot names a file. Other routes serve the
    existing files.
    """
    return "." not in address and address.rstrip("/") not in _NO_PAGES


class _WithHeaders:
    """ASGI middleware that adds headers to every response."""

    headers: ClassVar[dict[str, str]]

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.add(MutableHeaders(scope=message), message["status"])
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def add(self, headers: MutableHeaders, status: int) -> None:
        """Add the headers of this middleware to `headers`, the headers of a response with the status code `status`."""
        headers.update(self.headers)


class _WithSecurityHeaders(_WithHeaders):
    headers = SECURITY_HEADERS


class _Immutable(_WithHeaders):
    """ASGI middleware that lets browsers cache assets permanently.

    A permanently cached asset cannot be outdated, because the name of an asset contains a hash of the content. Error
    responses are not cached.
    """

    headers: ClassVar[dict[str, str]] = {"cache-control": "public, max-age=31536000, immutable"}

    def add(self, headers: MutableHeaders, status: int) -> None:
        if status < 400:
            super().add(headers, status)
