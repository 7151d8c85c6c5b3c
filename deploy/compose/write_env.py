"""Write `.env` with secrets for docker-compose.yml, without changing existing secrets.

The program needs only the standard library. Keep `.env`, because the encrypted data in the volumes cannot be decrypted
without the keys in this file.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

ENV = Path(__file__).resolve().parent.parent.parent / ".env"


def key() -> str:
    """Return 32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


SERVICES = ("enrollment", "session", "assessment", "identity", "notification")
SECRETS: Mapping[str, Callable[[], str]] = {
    "DATABASE_SUPERUSER_PASSWORD": secrets.token_hex,
    **{f"{service.upper()}_DATABASE_OWNER_PASSWORD": secrets.token_hex for service in SERVICES},
    **{f"{service.upper()}_DATABASE_PASSWORD": secrets.token_hex for service in SERVICES},
    "ENROLLMENT_MASTER_KEY": key,
    "ASSESSMENT_MASTER_KEY": key,
    "IDENTITY_MASTER_KEY": key,
}


def complete(text: str) -> str:
    """Return `text`, the content of `.env`, with one new line for each secret that `text` lacks."""
    existing = {line.partition("=")[0].strip() for line in text.splitlines()}
    added = [f"{name}={create()}\n" for name, create in SECRETS.items() if name not in existing]
    return text + ("" if not text or text.endswith("\n") else "\n") + "".join(added)


def main() -> None:
    """Add the missing secrets to `.env`, and create the file if necessary. Only the owner can read the file."""
    text = complete(ENV.read_text("utf-8") if ENV.exists() else "")
    with os.fdopen(
        os.open(ENV, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    print(f"{ENV.name} contains {', '.join(SECRETS)}.")


if __name__ == "__main__":
    main()
