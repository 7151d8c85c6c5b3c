"""The identity of a NATS client, which is the name in its certificate.

This name is also the name of the client's NATS user, and a part of the client's inbox prefix.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict
from urllib.parse import ParseResult

from nats.aio.client import Client, Srv
from nats.aio.transport import TcpTransport

_SHUTDOWN_SECONDS = 2.0


class ConnectOptions(TypedDict):
    """The arguments of `Client.connect` that depend on the client's identity."""

    name: str
    inbox_prefix: str


def inbox_prefix(name: str) -> str:
    """Return the first token of the reply subjects of the user `name`.

    No other user may subscribe to these subjects.
    """
    return f"_INBOX_{name}"


@dataclass(frozen=True, slots=True)
class BrokerIdentity:
    """A NATS user. Without `tls`, the connection is plaintext, and the server cannot authenticate the user."""

    name: str
    tls: ssl.SSLContext | None = None

    @classmethod
    def load(cls, name: str, certificate: Path, key: Path, authority: Path) -> BrokerIdentity:
        """Load the identity from PEM files. Raises OSError for files that cannot be read."""
        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(certificate, key)
        return cls(name, context)

    def client(self) -> Client:
        """Return a client that is not connected yet. Pass the result of `options` to the client's method `connect`."""
        return Client() if self.tls is None else _TlsClient(self.tls)

    def options(self) -> ConnectOptions:
        """Return the arguments for `Client.connect`."""
        return {"name": f"proctorium-{self.name}", "inbox_prefix": inbox_prefix(self.name)}


class _TlsClient(Client):
    """A client that uses TLS from the first byte, so that an attacker cannot downgrade the connection to plaintext.

    This class does not use the option `tls_handshake_first` of nats-py, which upgrades a plaintext stream. If the
    handshake of such an upgrade timed out, the client would wait forever for the plaintext stream to close, and would
    not reconnect.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self._context = context

    async def _connect_to_server(self, s: Srv) -> None:
        if not isinstance(self._transport, _TlsTransport):
            self._transport = _TlsTransport(self._context)
        await super()._connect_to_server(s)


class _TlsTransport(TcpTransport):
    """A stream that uses TLS from the start."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._context = context

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        """Open the stream. Raises OSError, TimeoutError."""
        async with asyncio.timeout(connect_timeout):
            reader, writer = await asyncio.open_connection(
                uri.hostname,
                uri.port,
                limit=buffer_size,
                ssl=self._context,
                ssl_shutdown_timeout=_SHUTDOWN_SECONDS,
            )
        self._io_reader = self._bare_io_reader = reader
        self._io_writer = self._bare_io_writer = writer

    async def connect_tls(
        self,
        uri: str | ParseResult,
        ssl_context: ssl.SSLContext,
        buffer_size: int,
        connect_timeout: int,
    ) -> None:
        """Do nothing, because TLS is already active. The client calls this method because the server requires TLS."""

    def __bool__(self) -> bool:
        # Return True even before the first connection, because the client replaces a falsy transport.
        return True
