"""The settings of enrollment."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from proctorium_common.process.settings import Duration, ServiceSettings
from proctorium_common.security.encryption import MasterKey, MasterKeySetting
from proctorium_enrollment.storage.encryption import EncryptionKeys
from proctorium_enrollment.storage.password_hashes import PasswordHashes

_KIB = 1024
"""The number of KiB in a MiB."""


class Settings(ServiceSettings):
    """The settings of enrollment, in addition to the settings that all services have."""

    assessment_address: str | None = Field(None, description="host:port of assessment.")
    master_key: MasterKeySetting = Field(
        description="32 bytes in base64 from which the keys that encrypt codes and signing keys are derived. Without it, all codes must be "
        "issued again and all people must sign in again."
    )
    secure_cookies: bool = Field(
        True,
        description="Whether browsers use HTTPS, so that cookies are sent only over it and only to this host; false if the edge serves plain "
        "HTTP on this machine. It must agree with the edge's setting (EdgeSettings.https).",
    )

    refresh_grace: Duration = Field(
        timedelta(seconds=30),
        ge=timedelta(0),
        le=timedelta(minutes=5),
        description="The time after the first use of a refresh token in which it may be used again, because the response may be lost; "
        "a later use ends the sign-in.",
    )

    sign_in_idle_limit: Duration = Field(
        timedelta(hours=1),
        ge=timedelta(minutes=20),
        le=timedelta(hours=12),
        description="The time without use of its refresh token after which a sign-in for the browser session ends. An open exam page uses it every "
        "10 minutes, so a learner can be without a connection for this time less 10 minutes.",
    )

    password_hash_memory: int = Field(
        64,
        ge=19,
        le=1024,
        description="The memory in MiB that the computation of one password hash uses; more memory makes guessing passwords slower. Existing "
        "hashes stay valid, and are computed again when their people sign in.",
    )

    def password_hashes(self) -> PasswordHashes:
        """Return an object that computes password hashes with the memory of the settings."""
        return PasswordHashes(memory_kib=self.password_hash_memory * _KIB)

    def encryption_keys(self) -> EncryptionKeys:
        """Return the keys that are derived from the master key."""
        return EncryptionKeys.derive(MasterKey.parse(self.master_key.get_secret_value()))
