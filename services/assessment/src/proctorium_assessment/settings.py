"""The settings of assessment."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from proctorium_common.process.settings import Duration, ServiceSettings
from proctorium_common.security.encryption import EncryptionKey, MasterKey, MasterKeySetting


class Settings(ServiceSettings):
    """The settings of assessment, in addition to the settings that all services have."""

    enrollment_address: str | None = Field(
        None,
        description="The host:port of enrollment, which stores the signing keys and the names for certificates.",
    )
    master_key: MasterKeySetting = Field(
        description="32 bytes in base64 that encrypt the signing key of certificates. "
        "Without this key, old certificates can be verified, but no new ones can be signed with the same signing key."
    )
    public_url: str = Field(
        "https://localhost",
        pattern="^https?://",
        description="The address of Proctorium in browsers, with which the addresses in certificates begin.",
    )
    issuer_name: str = Field(
        "Proctorium",
        min_length=1,
        description="The issuer's name on certificates while the organisation has no name.",
    )
    progress_interval: Duration = Field(
        timedelta(seconds=2),
        description="The shortest time between two events about the progress of an attempt.",
    )
    deadline_grace: Duration = Field(
        timedelta(seconds=2),
        description="The time after the deadline at which an attempt is submitted, so that earlier saves can finish.",
    )
    worker_interval: Duration = Field(
        timedelta(seconds=1),
        description="The time between two runs of each worker: progress, overdue attempts, certificates.",
    )
    watch_heartbeat: Duration = Field(
        timedelta(seconds=15),
        gt=timedelta(0),
        le=timedelta(seconds=30),
        description="The time without a change after which a watch sends its last response again. "
        "Pages reconnect after 37.5 seconds without one.",
    )

    def issuer_encryption_key(self) -> EncryptionKey:
        """Return the key with which the issuer's signing key is encrypted."""
        return MasterKey.parse(self.master_key.get_secret_value()).for_purpose("issuer key")
