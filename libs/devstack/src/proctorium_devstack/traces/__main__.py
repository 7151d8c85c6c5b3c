"""``python -m proctorium_devstack.traces --port PORT --store FILE [--host ADDRESS] [--name NAME]``."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from proctorium_devstack.ports import LOOPBACK
from proctorium_devstack.serving import serve
from proctorium_devstack.traces.app import web
from proctorium_devstack.traces.store import TraceStore


async def main() -> None:
    """Run the web server until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        description="A trace page: receives OTLP over HTTP and draws traces."
    )
    parser.add_argument("--port", type=int, required=True, help="port of receiver, page and JSON")
    parser.add_argument("--store", type=Path, required=True, help="SQLite file of the spans")
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on")
    parser.add_argument(
        "--name", default="localhost", help="additional host name that requests may use"
    )
    options = parser.parse_args()
    options.store.parent.mkdir(parents=True, exist_ok=True)
    store = TraceStore(options.store)
    try:
        await serve(web(store), options.port, host=options.host, name=options.name)
    finally:
        store.close()


if __name__ == "__main__":
    asyncio.run(main())
