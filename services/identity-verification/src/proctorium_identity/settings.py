"""The settings of identity verification."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from proctorium_common.process.settings import Duration, ServiceSettings
from proctorium_common.security.encryption import MasterKey, MasterKeySetting
from proctorium_identity.domain.images import MIB
from proctorium_identity.storage.encryption import CaseKeys


class Settings(ServiceSettings):
    """The settings of identity verification, in addition to the settings of every service."""

    enrollment_address: str | None = Field(
        None,
        description="host:port of enrollment, which stores the signing keys and the registration data.",
    )
    # The default is twice the size of the largest accepted image. Therefore a slightly larger image is refused by the
    # service with IMAGE_TOO_LARGE, and not by gRPC.
    message_bytes: int = Field(
        16 * MIB, ge=9 * MIB, description="The largest message in bytes, received or sent."
    )
    master_key: MasterKeySetting = Field(
        description="32 bytes in base64 that encrypt the keys of cases. Without this key no image can be decrypted."
    )
    evidence_url: str = Field(
        pattern="^(file:///|s3://)",
        description="The storage of encrypted images: file:///folder or s3://bucket/prefix (with the usual AWS_ variables).",
    )
    images_at_once: int = Field(
        2, ge=1, le=64, description="Images that are read at the same time, each in a process."
    )
    image_memory: int = Field(
        1024 * MIB, ge=256 * MIB, description="The memory in bytes for reading one image."
    )
    image_cpu_seconds: int = Field(
        4, ge=1, le=120, description="The processor time in seconds for reading one image."
    )
    image_wall_time: Duration = Field(
        timedelta(seconds=15), description="The time after which reading an image is stopped."
    )

    watch_heartbeat: Duration = Field(
        timedelta(seconds=15),
        gt=timedelta(0),
        le=timedelta(seconds=30),
        description="The time without a change after which a watch sends its last response again. Pages reconnect after 37.5 seconds of silence.",
    )

    evidence_access_period: Duration = Field(
        timedelta(hours=24),
        ge=timedelta(0),
        le=timedelta(days=365),
        description="How long after the end of a session its proctors may view images and registration data; administrators may at any time.",
    )

    def case_keys(self) -> CaseKeys:
        """Return the `CaseKeys` that use the master key."""
        return CaseKeys(MasterKey.parse(self.master_key.get_secret_value()))
