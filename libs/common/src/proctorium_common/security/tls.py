"""Certificates: every connection between processes is encrypted and both ends prove who they are."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc

_COMMON_NAME = "x509_common_name"
_ALTERNATIVE_NAMES = "x509_subject_alternative_name"


class NotLoopbackError(Exception):
    """Plaintext was asked for on an address that others can reach."""


@dataclass(frozen=True)
class Certificates:
    """What a process proves itself with: its certificate, its key, and the authority whose word it takes."""

    certificate: bytes
    key: bytes
    authority: bytes

    @classmethod
    def load(cls, certificate: Path, key: Path, authority: Path) -> Certificates:
        """Read the three PEM files. Raises OSError that names the file that cannot be read."""
        return cls(certificate.read_bytes(), key.read_bytes(), authority.read_bytes())

    def server(self) -> grpc.ServerCredentials:
        """Return credentials of a server that refuses clients without a certificate of the authority."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)],
            root_certificates=self.authority,
            require_client_auth=True,
        )

    def client(self) -> grpc.ChannelCredentials:
        """Return credentials of a client of such a server."""
        return grpc.ssl_channel_credentials(
            root_certificates=self.authority,
            private_key=self.key,
            certificate_chain=self.certificate,
        )


def peer_name(auth_context: Mapping[str, Iterable[bytes]]) -> str | None:
    """Return the common name, else the first alternative name, of the other end's certificate, or None."""
    for key in (_COMMON_NAME, _ALTERNATIVE_NAMES):
        for name in auth_context.get(key, ()):
            return name.decode()
    return None


def require_loopback(address: str) -> None:
    """Raise NotLoopbackError when `address` ("host:port" or "unix:path") can be reached from another machine."""
    if address.startswith(("unix:", "unix-abstract:")):
        return
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise NotLoopbackError(
            f"{address} can be reached from other machines, so it needs certificates: "
            "set PROCTORIUM_TLS_CERTIFICATE, PROCTORIUM_TLS_KEY and PROCTORIUM_TLS_AUTHORITY."
        )
