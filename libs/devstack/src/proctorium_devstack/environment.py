"""What each service and the portal are told by their environment. Their READMEs document the variables."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from proctorium_common.topology import ServiceTopology
from proctorium_devstack.folders import Folders
from proctorium_devstack.parts.certificates import KeyPair
from proctorium_devstack.ports import LOOPBACK, PortPlan

PORTAL = "portal"
_MASTER_KEY_BYTES = 32


def environment_of(
    service: ServiceTopology, folders: Folders, ports: PortPlan, identity: KeyPair, *, traced: bool
) -> dict[str, str]:
    """What `service` is told on this machine, but for its database and broker."""
    told = {
        "LISTEN": f"{LOOPBACK}:{ports[service.name]}",
        "TLS_CERTIFICATE": str(identity.certificate),
        "TLS_KEY": str(identity.key),
        "TLS_AUTHORITY": str(identity.authority),
        "LOG_FORMAT": "json",
        # Nobody balances load over one machine, so nobody has to hear that a service goes before it goes.
        "DRAIN_WAIT": "0",
        "DRAIN_GRACE": "5",
        **{f"{asked.upper()}_ADDRESS": f"{LOOPBACK}:{ports[asked]}" for asked in service.calls},
        **_particular(service.name, folders, ports),
    }
    telemetry = {"OTEL_TRACES_SAMPLER_ARG": "1", "OTEL_BSP_SCHEDULE_DELAY": "1000"}
    if traced:
        telemetry["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://{LOOPBACK}:{ports['traces']}"
    return telemetry | {f"PROCTORIUM_{name}": value for name, value in told.items()}


def edge_keys_environment(ports: PortPlan, identity: KeyPair, file: Path) -> dict[str, str]:
    """Return the environment of `edge_keys`, the process beside the edge that writes `file`."""
    return {
        "PROCTORIUM_TOKEN_CHECK_FILE": str(file),
        "PROCTORIUM_ENROLLMENT_ADDRESS": f"{LOOPBACK}:{ports['enrollment']}",
        "PROCTORIUM_TLS_CERTIFICATE": str(identity.certificate),
        "PROCTORIUM_TLS_KEY": str(identity.key),
        "PROCTORIUM_TLS_AUTHORITY": str(identity.authority),
        "PROCTORIUM_LOG_FORMAT": "json",
    }


def _particular(name: str, folders: Folders, ports: PortPlan) -> Mapping[str, str]:
    """What only this service knows of."""
    public_url = f"http://localhost:{ports['edge']}"
    match name:
        case "enrollment":
            # The edge of one machine speaks plain HTTP, where browsers drop cookies that are marked secure.
            return {"MASTER_KEY": _master_key(folders.of(name)), "SECURE_COOKIES": "false"}
        case "assessment":
            return {"MASTER_KEY": _master_key(folders.of(name)), "PUBLIC_URL": public_url}
        case "identity":
            evidence = folders.of(name) / "evidence"
            evidence.mkdir(mode=0o700, parents=True, exist_ok=True)
            return {"MASTER_KEY": _master_key(folders.of(name)), "EVIDENCE_URL": evidence.as_uri()}
        case "notification":
            return {"SMTP_URL": f"smtp://{LOOPBACK}:{ports['smtp']}", "PUBLIC_URL": public_url}
        case "portal":
            return {"BROWSER_TRACE_RATIO": "1"}
        case _:
            return {}


def _master_key(folder: Path) -> str:
    """A key of the service's own, made once: what it encrypted must be readable again after a restart."""
    file = folder / "master.key"
    if not file.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(base64.b64encode(secrets.token_bytes(_MASTER_KEY_BYTES)))
    return file.read_text(encoding="ascii")
