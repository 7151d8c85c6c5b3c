"""What assessment reads from the environment."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from proctorium_common.process.settings import Duration, ServiceSettings
from proctorium_common.security.encryption import EncryptionKey, MasterKey, MasterKeySetting


class Settings(ServiceSettings):
    """Settings of every service, and those of this one."""

    enrollment_address: str | None = Field(
        None, description="host:port of enrollment, which is asked for signing keys among others."
    )
    master_key: MasterKeySetting = Field(
        description="32 bytes in base64 that the key of the issuer of certificates is encrypted with. "
        "Whoever loses it can check old certificates and cannot issue new ones under the same key."
    )
    public_url: str = Field(
        "https://localhost",
        pattern="^https?://",
        description="Where browsers reach Proctorium: the address in certificates' QR codes and credentials begins with it.",
    )
    issuer_name: str = Field(
        "Proctorium",
        min_length=1,
        description="Whom certificates name as issuer where enrollment knows no name of the organisation.",
    )
    progress_every: Duration = Field(
        timedelta(seconds=2), description="Progress of an attempt is told at most so often."
    )
    deadline_grace: Duration = Field(
        timedelta(seconds=2),
        description="Attempts are submitted this long after their time was over, so that saves that came before can finish.",
    )
    look_every: Duration = Field(
        timedelta(seconds=1),
        description="How often is looked for what is due: progress, time over, certificates.",
    )
    watch_heartbeat: Duration = Field(
        timedelta(seconds=15),
        gt=timedelta(0),
        le=timedelta(seconds=30),
        description="A watch on which nothing happens is written to after this time. Pages open theirs anew after 37.5 seconds of silence.",
    )

    def issuer_encryption_key(self) -> EncryptionKey:
        """Return the key that encrypts the issuer's signing key."""
        return MasterKey.parse(self.master_key.get_secret_value()).for_purpose("issuer key")
