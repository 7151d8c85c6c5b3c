"""Issues a certificate to each identity of docker-compose.yml and writes the edge's configuration beside them.

It can be repeated: what is there and good for two more weeks stays.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from proctorium_common.topology import SERVICES
from proctorium_devstack.edge import (
    DESCRIPTORS,
    Address,
    ClientTls,
    EdgeSettings,
    Upstream,
    render,
)
from proctorium_devstack.parts.certificates import issue

CERTIFICATES = Path("/certificates")
TEMPLATES = Path("/envoy")
GRPC_PORT = 50051
PORTAL_PORT = 8080
EDGE_PORT = 8443
ADMIN_PORT = 9901
OTLP_PORT = 4318


def main() -> None:
    """Certificates for all identities, the descriptors, and `edge.yaml` that names them."""
    issued = issue(CERTIFICATES, [*SERVICES, "edge"])
    descriptors = Path(shutil.copy(DESCRIPTORS, CERTIFICATES / "descriptors.binpb"))
    edge = issued["edge"]
    settings = EdgeSettings(
        listen=Address("0.0.0.0", EDGE_PORT),  # noqa: S104 - inside the container; compose publishes it on 127.0.0.1
        admin=Address("127.0.0.1", ADMIN_PORT),
        services=tuple(
            Upstream(name, Address(name, GRPC_PORT)) for name in SERVICES if name != "portal"
        ),
        portal=Address("portal", PORTAL_PORT),
        client=ClientTls(str(edge.certificate), str(edge.key), str(edge.authority)),
        descriptors=str(descriptors),
        tracing=Address("traces", OTLP_PORT),
    )
    (CERTIFICATES / "edge.yaml").write_text(render(settings, TEMPLATES), encoding="utf-8")


if __name__ == "__main__":
    main()
