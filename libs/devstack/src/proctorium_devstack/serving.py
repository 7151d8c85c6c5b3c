"""Serves a page of the stack on this machine alone."""

from __future__ import annotations

import uvicorn
from starlette.applications import Starlette
from starlette.middleware.trustedhost import TrustedHostMiddleware

from proctorium_devstack.ports import LOOPBACK


async def serve(app: Starlette, port: int) -> None:
    """Serve until SIGTERM or SIGINT; a page that is being waited for does not hold up the end."""
    # The name is checked, or any page on the web could have its own name lead here and read what is shown.
    ours = TrustedHostMiddleware(app, allowed_hosts=["localhost", LOOPBACK])
    settings = uvicorn.Config(
        ours,
        host=LOOPBACK,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    await uvicorn.Server(settings).serve()
