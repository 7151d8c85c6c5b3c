"""Serves a page of the stack: on this machine alone, or in a container to those who know its name."""

from __future__ import annotations

import uvicorn
from starlette.applications import Starlette
from starlette.middleware.trustedhost import TrustedHostMiddleware

from proctorium_devstack.ports import LOOPBACK


async def serve(
    app: Starlette, port: int, *, host: str = LOOPBACK, name: str = "localhost"
) -> None:
    """Serve until SIGTERM or SIGINT; a page that is being waited for does not hold up the end.

    `name` is one more that it may be called by.
    """
    # The name is checked, or any page on the web could have its own name lead here and read what is shown.
    ours = TrustedHostMiddleware(app, allowed_hosts=["localhost", LOOPBACK, name])
    settings = uvicorn.Config(
        ours,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        # Longer than services are silent between two batches of spans, or one of them meets a connection that is just being closed.
        timeout_keep_alive=60,
    )
    await uvicorn.Server(settings).serve()
