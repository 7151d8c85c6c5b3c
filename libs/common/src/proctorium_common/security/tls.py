"""Certificates for mutual TLS between the processes of Proctorium."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc

_COMMON_NAME = "x509_common_name"
_ALTERNATIVE_NAMES = "x509_subject_alternative_name"


class NotLoopbackError(Exception):
    """A plaintext address is reachable from other machines."""


@dataclass(frozen=True)
class Certificates:
    """The certificate and private key of a process, and the certificate authority that it trusts, in PEM format."""

    certificate: bytes
    key: bytes
    authority: bytes

    @classmethod
    def load(cls, certificate: Path, key: Path, authority: Path) -> Certificates:
        """Read the three PEM files. Raises OSError with the name of an unreadable file."""
        return cls(certificate.read_bytes(), key.read_bytes(), authority.read_bytes())

    def server(self) -> grpc.ServerCredentials:
        """Return server credentials that require each client to have a certificate from `authority`."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)],
            root_certificates=self.authority,
            require_client_auth=True,
        )

    def client(self) -> grpc.ChannelCredentials:
        """Return client credentials for connections to a server that has the credentials from `server`."""
        return grpc.ssl_channel_credentials(
            root_certificates=self.authority,
            private_key=self.key,
            certificate_chain=self.certificate,
        )


def peer_name(auth_context: Mapping[str, Iterable[bytes]]) -> str | None:
    """Return the common name in the peer's certificate.

    If the certificate has no common name, returns the first alternative name. Returns None if the certificate has no
    name, or if there is no certificate.
    """
    for key in (_COMMON_NAME, _ALTERNATIVE_NAMES):
        for name in auth_context.get(key, ()):
            return name.decode()
    return None


def require_loopback(address: str) -> None:
    """Raise NotLoopbackError if `address` ("host:port" or "unix:path") is reachable from other machines."""
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
