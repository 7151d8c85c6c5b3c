"""The entry point of the portal process, which serves the pages until it receives SIGTERM."""

from __future__ import annotations

import argparse
import sys

import uvicorn

from proctorium_common.process.settings import SettingsError, read_settings
from proctorium_common.telemetry.logs import configure_logs, get_logger
from proctorium_common.telemetry.traces import Tracing, use_tracing
from proctorium_portal.pages import BUILT, NotBuiltError, application
from proctorium_portal.settings import Settings


def main() -> int:
    """Serve the pages until SIGTERM arrives, and return the exit code.

    The command line may contain the command `serve`, which is the only command and the default.
    """
    parser = argparse.ArgumentParser(prog="python -m proctorium_portal")
    parser.add_argument("command", nargs="?", choices=["serve"], default="serve")
    parser.parse_args()
    try:
        settings = read_settings(Settings)
        configure_logs(level=settings.log_level_number, format=settings.log_format)
        use_tracing(Tracing("portal"))
        app = application(BUILT, settings.browser_trace_ratio)
    except (SettingsError, NotBuiltError) as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 2
    host, _, port = settings.listen.rpartition(":")
    get_logger().info("portal_listening", address=settings.listen)
    uvicorn.run(
        app,
        host=host.strip("[]"),
        port=int(port),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
        # The edge closes idle connections after a shorter time, so the portal never closes them. If the portal closed a
        # connection while the edge is sending a request over it, the request would fail.
        timeout_keep_alive=60,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
