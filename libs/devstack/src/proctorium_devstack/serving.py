"""The web server of the stack's own pages."""

from __future__ import annotations

import uvicorn
from starlette.applications import Starlette
from starlette.middleware.trustedhost import TrustedHostMiddleware

from proctorium_devstack.ports import LOOPBACK


async def serve(
    app: Starlette, port: int, *, host: str = LOOPBACK, name: str = "localhost"
) -> None:
    """Serve until SIGTERM or SIGINT; open requests are aborted after a second.

    `name` is an additional host name that requests may use.
    """
    # Against DNS rebinding: otherwise any web page could resolve its own name to this address and read the data.
    protected = TrustedHostMiddleware(app, allowed_hosts=["localhost", LOOPBACK, name])
    settings = uvicorn.Config(
        protected,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        # Longer than the pause between two batches of spans, so that no exporter uses a closing connection.
        timeout_keep_alive=60,
    )
    await uvicorn.Server(settings).serve()
