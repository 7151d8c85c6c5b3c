"""The environment variables of each service and of the portal. The READMEs of the services document the variables."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from proctorium_common.topology import ServiceTopology
from proctorium_devstack.components.certificates import KeyPair
from proctorium_devstack.data_folder import DataFolder
from proctorium_devstack.ports import LOOPBACK, PortPlan

PORTAL = "portal"
_MASTER_KEY_BYTES = 32


def environment_of(
    service: ServiceTopology,
    data_folder: DataFolder,
    ports: PortPlan,
    identity: KeyPair,
    *,
    traced: bool,
) -> dict[str, str]:
    """Return the environment variables of `service`, without the URLs of its database and broker."""
    settings = {
        "LISTEN": f"{LOOPBACK}:{ports[service.name]}",
        "TLS_CERTIFICATE": str(identity.certificate),
        "TLS_KEY": str(identity.key),
        "TLS_AUTHORITY": str(identity.authority),
        "LOG_FORMAT": "json",
        # A service need not wait before a shutdown, because the stack has no load balancer that must detect the
        # shutdown.
        "DRAIN_WAIT": "0",
        "DRAIN_GRACE": "5",
        **{f"{callee.upper()}_ADDRESS": f"{LOOPBACK}:{ports[callee]}" for callee in service.calls},
        **_settings_of(service.name, data_folder, ports),
    }
    telemetry = {
        "OTEL_TRACES_SAMPLER_ARG": "1",
        "OTEL_BSP_SCHEDULE_DELAY": "1000",
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
    }
    if traced:
        telemetry["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://{LOOPBACK}:{ports['traces']}"
    return telemetry | {f"PROCTORIUM_{name}": value for name, value in settings.items()}


def edge_keys_environment(ports: PortPlan, identity: KeyPair, file: Path) -> dict[str, str]:
    """Return the environment variables of the process `edge_keys`, which writes the edge's key file `file`."""
    return {
        "PROCTORIUM_TOKEN_CHECK_FILE": str(file),
        "PROCTORIUM_ENROLLMENT_ADDRESS": f"{LOOPBACK}:{ports['enrollment']}",
        "PROCTORIUM_TLS_CERTIFICATE": str(identity.certificate),
        "PROCTORIUM_TLS_KEY": str(identity.key),
        "PROCTORIUM_TLS_AUTHORITY": str(identity.authority),
        "PROCTORIUM_LOG_FORMAT": "json",
    }


def _settings_of(name: str, data_folder: DataFolder, ports: PortPlan) -> Mapping[str, str]:
    """Return the settings that are specific to the service `name`."""
    public_url = f"http://localhost:{ports['edge']}"
    match name:
        case "enrollment":
            # In the development stack, the edge serves HTTP without TLS. Without TLS, browsers do not store cookies
            # that have the attribute Secure.
            return {
                "MASTER_KEY": _master_key(data_folder.component_folder(name)),
                "SECURE_COOKIES": "false",
            }
        case "assessment":
            return {
                "MASTER_KEY": _master_key(data_folder.component_folder(name)),
                "PUBLIC_URL": public_url,
            }
        case "identity":
            evidence = data_folder.component_folder(name) / "evidence"
            evidence.mkdir(mode=0o700, parents=True, exist_ok=True)
            return {
                "MASTER_KEY": _master_key(data_folder.component_folder(name)),
                "EVIDENCE_URL": evidence.as_uri(),
            }
        case "notification":
            return {"SMTP_URL": f"smtp://{LOOPBACK}:{ports['smtp']}", "PUBLIC_URL": public_url}
        case "portal":
            return {"BROWSER_TRACE_RATIO": "1"}
        case _:
            return {}


def _master_key(folder: Path) -> str:
    """Return the master key of a service. The key is stored in `folder`, so that it is the same after a restart."""
    file = folder / "master.key"
    if not file.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(base64.b64encode(secrets.token_bytes(_MASTER_KEY_BYTES)))
    return file.read_text(encoding="ascii")
