"""What assessment reads from the environment."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta

from pydantic import Field, SecretStr, field_validator

from proctorium_common.process.settings import Duration, ServiceSettings

_MASTER_KEY_BYTES = 32


class Settings(ServiceSettings):
    """Settings of every service, and those of this one."""

    master_key: SecretStr = Field(
        description="32 bytes in base64 that the key of the issuer of certificates is encrypted with. "
        "Whoever loses it can check old certificates and cannot issue new ones under the same key."
    )
    public_url: str = Field(
        "https://localhost",
        pattern="^https?://",
        description="Where browsers reach Proctorium: the address in certificates' QR codes and credentials begins with it.",
    )
    issuer_name: str = Field(
        "Proctorium", min_length=1, description="The organisation that certificates name as issuer."
    )
    progress_every: Duration = Field(
        timedelta(seconds=2), description="Progress of an attempt is told at most so often."
    )
    bell_grace: Duration = Field(
        timedelta(seconds=2),
        description="Attempts are handed in this long after their time was over, so that saves that came before can finish.",
    )
    look_every: Duration = Field(
        timedelta(seconds=1),
        description="How often is looked for what is due: progress, time over, certificates.",
    )

    @field_validator("master_key")
    @classmethod
    def _is_a_key(cls, given: SecretStr) -> SecretStr:
        _key(given)
        return given

    def master_key_bytes(self) -> bytes:
        """The key itself."""
        return _key(self.master_key)


def _key(given: SecretStr) -> bytes:
    try:
        key = base64.b64decode(given.get_secret_value(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _MASTER_KEY_BYTES:
        raise ValueError("a master key is 32 bytes in base64")
    return key
