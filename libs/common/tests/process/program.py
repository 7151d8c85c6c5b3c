"""Run the sample service and other programs as processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from proctorium_common.security.keys import SigningKey
from proctorium_common.storage.database import Database
from proctorium_common.storage.keys import DatabaseKeyStore
from proctorium_devstack.components.nats import Nats

from .sample import TOPOLOGY

_ROOT = Path(__file__).parents[4]
_SAMPLE = "libs.common.tests.process.sample"


def _environment(**settings: str) -> Mapping[str, str]:
    clean = {name: value for name, value in os.environ.items() if "PROCTORIUM_" not in name}
    ours = {f"PROCTORIUM_{name.upper()}": value for name, value in settings.items()}
    return clean | {"PYTHONPATH": str(_ROOT)} | ours


async def start(
    *command: str, program: str = _SAMPLE, **settings: str
) -> asyncio.subprocess.Process:
    """Start a command of `program`, by default of the sample service."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        program,
        *command,
        cwd=_ROOT,
        env=_environment(**settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(*command: str, program: str = _SAMPLE, **settings: str) -> tuple[int, str, str]:
    """Run a command until it ends; return its exit code, standard output and standard error."""
    process = await start(*command, program=program, **settings)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def running_process(**settings: str) -> AsyncIterator[list[Any]]:
    """Run the sample service and yield its log lines until it was ready.

    After the block, the service was ended with SIGTERM, and the list contains all log lines.
    """
    process = await start(**settings)
    assert process.stdout is not None
    lines: list[Any] = []
    try:
        async with asyncio.timeout(30):
            while not lines or lines[-1]["event"] != "service_ready":
                lines.append(json.loads(await process.stdout.readline()))
        yield lines
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.wait_for(process.communicate(), 30)
        lines += [json.loads(line) for line in out.decode().splitlines()]
    assert (process.returncode, err) == (0, b"")


def on(nats: Nats, database_url: str) -> dict[str, str]:
    """Return settings of the sample service in which the broker is `nats`."""
    broker = {name: str(value) for name, value in nats.settings_of(TOPOLOGY.name).items()}
    return without_broker(database_url) | broker


def without_broker(database_url: str) -> dict[str, str]:
    """Return settings of the sample service in which the broker is unreachable."""
    return {
        "database_url": database_url,
        "nats_url": "nats://127.0.0.1:1",
        "enrollment_address": "127.0.0.1:1",
        "log_format": "json",
        "check_every": "0.05",
        "drain_wait": "0",
    }


async def with_key(database_url: str) -> str:
    """Store a public signing key in the database; return `database_url`."""
    database = Database(database_url)
    await DatabaseKeyStore(database).save([SigningKey.generate().public])
    await database.close()
    return database_url
