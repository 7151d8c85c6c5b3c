"""What enrollment reads from the environment."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta

from pydantic import Field, SecretStr, field_validator

from proctorium_common.process.settings import Duration, ServiceSettings
from proctorium_enrollment.storage.sealing import MASTER_KEY_BYTES, Seals


class Settings(ServiceSettings):
    """Settings of every service, and those of this one."""

    master_key: SecretStr = Field(
        description="32 bytes in base64 from which the keys come that seal codes and signing keys. Whoever loses it has to issue "
        "all codes anew, and everybody has to sign in again."
    )
    secure_cookies: bool = Field(
        True,
        description="Whether browsers come by HTTPS and send cookies over it only, to this host only; false where the edge is plain HTTP on "
        "this machine. The edge is told the same (EdgeSettings.https).",
    )

    refresh_grace: Duration = Field(
        timedelta(seconds=30),
        ge=timedelta(0),
        le=timedelta(minutes=5),
        description="A refresh token that was used less than this ago is answered again, since the first answer may have been lost; "
        "later, using it twice ends the sign-in.",
    )

    sign_in_idle_limit: Duration = Field(
        timedelta(hours=1),
        ge=timedelta(minutes=20),
        le=timedelta(hours=12),
        description="A sign-in for the browser session ends when its refresh token was not used for this long. An open exam page uses it every "
        "10 minutes, so this is also how long one may be without a connection, minus those 10 minutes.",
    )

    @field_validator("master_key")
    @classmethod
    def _master_key_is_one(cls, given: SecretStr) -> SecretStr:
        try:
            length = len(base64.b64decode(given.get_secret_value(), validate=True))
        except binascii.Error as failure:
            raise ValueError("it is not base64") from failure
        if length != MASTER_KEY_BYTES:
            raise ValueError(f"it has {length} bytes and needs {MASTER_KEY_BYTES}")
        return given

    def seals(self) -> Seals:
        """What seals and finds what the database keeps, by the master key."""
        return Seals.of(base64.b64decode(self.master_key.get_secret_value()))
