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
    """Receive and show until told to end."""
    parser = argparse.ArgumentParser(
        description="A trace page: receives OTLP over HTTP and draws traces."
    )
    parser.add_argument("--port", type=int, required=True, help="port of receiver, page and JSON")
    parser.add_argument("--store", type=Path, required=True, help="file that keeps the spans")
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on")
    parser.add_argument("--name", default="localhost", help="host name that others reach it by")
    asked = parser.parse_args()
    asked.store.parent.mkdir(parents=True, exist_ok=True)
    store = TraceStore(asked.store)
    try:
        await serve(web(store), asked.port, host=asked.host, name=asked.name)
    finally:
        store.close()


if __name__ == "__main__":
    asyncio.run(main())
