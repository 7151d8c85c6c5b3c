"""The web server for the mailbox and the trace page."""

from __future__ import annotations

import uvicorn
from starlette.applications import Starlette
from starlette.middleware.trustedhost import TrustedHostMiddleware

from proctorium_devstack.ports import LOOPBACK


async def serve(
    app: Starlette, port: int, *, host: str = LOOPBACK, name: str = "localhost"
) -> None:
    """Serve until SIGTERM or SIGINT. Then wait up to one second for the current requests, and abort unfinished ones.

    Requests may use `name` as the host name, in addition to the names of this machine.
    """
    # Unknown host names are refused, to prevent DNS rebinding. With DNS rebinding, any web page could read the data.
    protected = TrustedHostMiddleware(app, allowed_hosts=["localhost", LOOPBACK, name])
    settings = uvicorn.Config(
        protected,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        # The keep-alive time is longer than the time between two batches of spans. Therefore no exporter sends a batch
        # on a connection that the server is closing.
        timeout_keep_alive=60,
    )
    await uvicorn.Server(settings).serve()
