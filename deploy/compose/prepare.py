"""Issues a certificate to each identity of docker-compose.yml, into the volume that only this identity mounts.

The edge's and NATS's configurations go into their volumes too. It runs as root with only the capabilities to write into
other users' folders and to change owners, and can be repeated: a certificate that is valid for two more weeks stays. No
other container mounts the volume with the authority's key.
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
READ_AT = Path("/certificates")
"""Where each container finds the volume of its identity."""
TEMPLATES = Path("/envoy")
EDGE_KEYS = Path("/edge-keys")
GRPC_SERVICES = tuple(name for name in services() if name != "portal")
USER = 10001
"""The user as whom services and the edge run. NATS runs as root."""
NAMES: Mapping[str, int] = {**dict.fromkeys((*GRPC_SERVICES, "edge", DECLARER), USER), "nats": 0}
GRPC_PORT = 50051
PORTAL_PORT = 8080
EDGE_PORT = 8443
ADMIN_PORT = 9901
OTLP_PORT = 4318


def main() -> None:
    """Issue the certificates of all identities and write the edge's configuration and the users of NATS."""
    issue_apart(AUTHORITY, {name: IDENTITIES / name for name in NAMES})
    write_edge(IDENTITIES / "edge")
    write(IDENTITIES / "nats" / "users.json", configuration(users_of(services())).encode())
    for name, user in NAMES.items():
        for file in (IDENTITIES / name).iterdir():
            os.chown(file, user, user)


def write_edge(folder: Path) -> None:
    """Write the descriptors, and `edge.yaml`, which names them and the edge's certificate."""
    write(folder / "descriptors.binpb", DESCRIPTORS.read_bytes())
    settings = EdgeSettings(
        listen=Address("0.0.0.0", EDGE_PORT),  # noqa: S104 - inside the container; compose publishes it on 127.0.0.1
        admin=Address("127.0.0.1", ADMIN_PORT),
        services=tuple(Upstream(name, Address(name, GRPC_PORT)) for name in GRPC_SERVICES),
        portal=Address("portal", PORTAL_PORT),
        client=ClientTls(
            *(str(READ_AT / file) for file in ("edge.crt", "edge.key", "ca.crt")),
        ),
        token_check=str(EDGE_KEYS / "token_check.json"),
        descriptors=str(READ_AT / "descriptors.binpb"),
        tracing=Address("traces", OTLP_PORT),
    )
    write(folder / "edge.yaml", render(settings, TEMPLATES).encode())


def write(file: Path, content: bytes) -> None:
    """Replace a file by a new one, so that a process that has the old one open reads it to its end."""
    file.unlink(missing_ok=True)
    file.write_bytes(content)


if __name__ == "__main__":
    main()
