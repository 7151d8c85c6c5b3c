"""Issue a certificate for each identity of docker-compose.yml.

Each identity has a volume that no other identity mounts. The program writes the certificate of the identity into this
volume. It also writes the edge's configuration into the edge's volume, and the NATS users into the volume of NATS.
It runs as root, but its only capabilities are to write into other users' folders and to change the owners of files. A
repeated run issues only certificates that are missing or expire within two weeks. No other container mounts the volume
with the key of the certificate authority.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from proctorium_common.descriptors import DESCRIPTORS
from proctorium_common.events.permissions import DECLARER, configuration, users_of
from proctorium_common.topology import services
from proctorium_devstack.components.certificates import issue_apart
from proctorium_devstack.edge import (
    Address,
    ClientTls,
    EdgeSettings,
    Upstream,
    render,
)

AUTHORITY = Path("/authority")
IDENTITIES = Path("/identities")
MOUNT_POINT = Path("/certificates")
"""The folder at which each container mounts the volume of the container's identity."""
TEMPLATES = Path("/envoy")
EDGE_KEYS = Path("/edge-keys")
GRPC_SERVICES = tuple(name for name in services() if name != "portal")
USER = 10001
"""The user ID of the services and of the edge. NATS runs as root."""
USERS: Mapping[str, int] = {**dict.fromkeys((*GRPC_SERVICES, "edge", DECLARER), USER), "nats": 0}
GRPC_PORT = 50051
PORTAL_PORT = 8080
EDGE_PORT = 8443
ADMIN_PORT = 9901
OTLP_PORT = 4318


def main() -> None:
    """Issue the certificates of all identities and write the edge's configuration and the NATS users."""
    issue_apart(AUTHORITY, {name: IDENTITIES / name for name in USERS})
    write_edge(IDENTITIES / "edge")
    write(IDENTITIES / "nats" / "users.json", configuration(users_of(services())).encode())
    for name, user in USERS.items():
        for file in (IDENTITIES / name).iterdir():
            os.chown(file, user, user)


def write_edge(folder: Path) -> None:
    """Write the descriptors of the protos, and the edge's configuration `edge.yaml`, to `folder`."""
    write(folder / "descriptors.binpb", DESCRIPTORS.read_bytes())
    settings = EdgeSettings(
        listen=Address("0.0.0.0", EDGE_PORT),  # noqa: S104 - inside the container; compose publishes it on 127.0.0.1
        admin=Address("127.0.0.1", ADMIN_PORT),
        services=tuple(Upstream(name, Address(name, GRPC_PORT)) for name in GRPC_SERVICES),
        portal=Address("portal", PORTAL_PORT),
        client=ClientTls(
            *(str(MOUNT_POINT / file) for file in ("edge.crt", "edge.key", "ca.crt")),
        ),
        token_check=str(EDGE_KEYS / "token_check.json"),
        descriptors=str(MOUNT_POINT / "descriptors.binpb"),
        tracing=Address("traces", OTLP_PORT),
    )
    write(folder / "edge.yaml", render(settings, TEMPLATES).encode())


def write(file: Path, content: bytes) -> None:
    """Replace `file` with a new file, so that a process that has opened the old file can continue to read it."""
    file.unlink(missing_ok=True)
    file.write_bytes(content)


if __name__ == "__main__":
    main()
