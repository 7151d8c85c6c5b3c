"""Serves the built pages: one document for every address of a page, and assets that browsers may cache permanently."""

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
# What probes and scanners ask of any server, and no page is called.
_NO_PAGES = frozenset({"metrics"})

# Scripts and styles come from here alone, nothing may frame us, and a wrong guess of a type is no way in. Images of the
# identity check are blobs; a lesson may show images of other sites. Camera and microphone are for our own pages.
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
    """The pages are not there."""


def application(built: Path, browser_trace_ratio: float) -> Starlette:
    """Return the portal that serves the pages in `built`. Raises NotBuiltError when they are missing."""
    try:
        document = (built / "index.html").read_text("utf-8")
    except FileNotFoundError as missing:
        raise NotBuiltError("The web pages are not built: run `make portal`.") from missing
    told = f'<meta name="trace-ratio" content="{browser_trace_ratio:g}" />'
    document = document.replace(_HEAD_END, f"{told}\n  {_HEAD_END}", 1)

    async def page(request: Request) -> Response:
        if not _can_be_page(request.path_params["address"]):
            return PlainTextResponse("There is no such page.\n", status_code=404)
        # Always asked for again, or a browser would go on with scripts that are gone.
        return HTMLResponse(document, headers={"cache-control": "no-cache"})

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def service_worker(_: Request) -> Response:
        # As the document: a browser that kept an old one would keep old pages.
        return FileResponse(
            built / "sw.js", media_type="text/javascript", headers={"cache-control": "no-cache"}
        )

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/sw.js", service_worker),
            Mount("/assets", _KeptForEver(StaticFiles(directory=built / "assets"))),
            Route("/{address:path}", page),
        ],
        middleware=[Middleware(_WithSecurityHeaders), Middleware(GZipMiddleware)],
    )


def _can_be_page(address: str) -> bool:
    """Addresses of pages are words and ids: what has a dot is a file, and ours are in /assets."""
    return "." not in address and address.rstrip("/") not in _NO_PAGES


class _WithHeaders:
    """Adds headers to every response of an application."""

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
        """Write the headers of a response with this status."""
        headers.update(self.headers)


class _WithSecurityHeaders(_WithHeaders):
    headers = SECURITY_HEADERS


class _KeptForEver(_WithHeaders):
    """The names of assets carry a hash of what is in them."""

    headers: ClassVar[dict[str, str]] = {"cache-control": "public, max-age=31536000, immutable"}

    def add(self, headers: MutableHeaders, status: int) -> None:
        if status < 400:
            super().add(headers, status)
