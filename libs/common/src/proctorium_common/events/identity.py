"""Who connects to NATS: the name in a client certificate, which is also the name of the NATS user and of its inboxes."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict


class ConnectOptions(TypedDict):
    """The arguments of `Client.connect` that depend on who connects."""

    name: str
    inbox_prefix: str
    tls: ssl.SSLContext | None
    tls_handshake_first: bool


def inbox_prefix(name: str) -> str:
    """Return the first token of the reply subjects of `name`. Nobody else may subscribe to them."""
    return f"_INBOX_{name}"


@dataclass(frozen=True, slots=True)
class BrokerIdentity:
    """One NATS user. Without `tls` the connection is plaintext and the server cannot tell users apart."""

    name: str
    tls: ssl.SSLContext | None = None

    @classmethod
    def load(cls, name: str, certificate: Path, key: Path, authority: Path) -> BrokerIdentity:
        """Return the identity that these PEM files prove. Raises OSError for files that cannot be read."""
        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(certificate, key)
        return cls(name, context)

    def options(self) -> ConnectOptions:
        """Return the arguments for `Client.connect`."""
        if self.tls is not None:
            # nats-py does not tell asyncio that its stream is encrypted, so asyncio warns whenever such a connection ends.
            logging.getLogger("asyncio").addFilter(_is_worth_logging)
        return {
            "name": f"proctorium-{self.name}",
            "inbox_prefix": inbox_prefix(self.name),
            "tls": self.tls,
            # Nothing is read in plaintext first, so nobody between us and the server can talk the client out of TLS.
            "tls_handshake_first": self.tls is not None,
        }


def _is_worth_logging(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("returning true from eof_received()")
