"""The web server for the mailbox and the trace page."""

from __future__ import annotations

import uvicorn
from starlette.applications import Starlette
from starlette.middleware.trustedhost import TrustedHostMiddleware

from proctorium_devstack.ports import LOOPBACK


async def serve(
    app: Starlette, port: int, *, host: str = LOOPBACK, name: str = "localhost"
) -> None:
    """Serve until SIGTERM or SIGINT. Then open requests have one second to end before they are aborted.

    `name` is an additional host name that is accepted in requests.
    """
    # Host names are checked against DNS rebinding, by which any web page could read the data.
    protected = TrustedHostMiddleware(app, allowed_hosts=["localhost", LOOPBACK, name])
    settings = uvicorn.Config(
        protected,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        # This is longer than the time between two batches of spans, so that no exporter uses a closing connection.
        timeout_keep_alive=60,
    )
    await uvicorn.Server(settings).serve()
