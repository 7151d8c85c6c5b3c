"""Print the Secrets of a trial installation as a manifest for `kubectl create`.

    python3 deploy/helm/write_secrets.py | kubectl --namespace proctorium create --filename -

`kubectl create` refuses to replace a Secret that exists. Run the program once: passwords that are created later do not
match the passwords in the database. Keep the master keys (`kubectl get secret`), because the data cannot be decrypted
without them. The program needs only the standard library.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping

SERVICES = ("assessment", "enrollment", "identity", "notification", "session")
WITH_MASTER_KEY = ("assessment", "enrollment", "identity")
_POSTGRES = "postgres"


def manifest() -> Mapping[str, object]:
    """Return the Secrets that deploy/helm/examples/small.yaml names, with new passwords and keys."""
    passwords = {
        f"{service}{role}-password": secrets.token_hex()
        for service in SERVICES
        for role in ("", "-owner")
    }
    items = [
        _secret("proctorium-postgres", {"superuser-password": secrets.token_hex(), **passwords})
    ]
    for service in SERVICES:
        url = _url(service, passwords[f"{service}-password"], service)
        owner_url = _url(f"{service}_owner", passwords[f"{service}-owner-password"], service)
        items += [
            _secret(f"proctorium-{service}", {"database-url": url, **_own(service)}),
            _secret(f"proctorium-{service}-migration", {"migration-database-url": owner_url}),
        ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _own(service: str) -> Mapping[str, str]:
    """Return the entries that only this service needs."""
    if service == "notification":
        return {"smtp-url": "smtp://mailbox:1025"}
    if service in WITH_MASTER_KEY:
        return {"master-key": base64.b64encode(secrets.token_bytes(32)).decode()}
    return {}


def _url(role: str, password: str, database: str) -> str:
    return f"postgresql://{role}:{password}@{_POSTGRES}/{database}"


def _secret(name: str, data: Mapping[str, str]) -> Mapping[str, object]:
    labels = {"app.kubernetes.io/part-of": "proctorium"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": labels},
        "stringData": data,
    }


def main() -> None:
    """Print the manifest as JSON, which is also YAML."""
    print(json.dumps(manifest(), indent=2))


if __name__ == "__main__":
    main()
