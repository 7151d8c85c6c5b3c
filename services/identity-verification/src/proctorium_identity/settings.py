"""What identity verification reads from the environment."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from proctorium_common.process.settings import Duration, ServiceSettings
from proctorium_common.security.encryption import MasterKey, MasterKeySetting
from proctorium_identity.domain.images import MIB
from proctorium_identity.storage.encryption import CaseKeys


class Settings(ServiceSettings):
    """Settings of every service, and those of this one."""

    enrollment_address: str | None = Field(
        None, description="host:port of enrollment, which is asked for signing keys among others."
    )
    # Twice what is accepted: a picture that is too large gets its reason and not the bare refusal of gRPC.
    message_bytes: int = Field(
        16 * MIB, ge=9 * MIB, description="Largest message that is taken or sent."
    )
    master_key: MasterKeySetting = Field(
        description="32 bytes in base64 that the keys of cases are encrypted with. Whoever loses it loses all pictures."
    )
    evidence_url: str = Field(
        pattern="^(file:///|s3://)",
        description="Where encrypted pictures lie: file:///folder or s3://bucket/prefix (with the usual AWS_ variables).",
    )
    images_at_once: int = Field(
        2, ge=1, le=64, description="Pictures that are read at the same time, each in a process."
    )
    image_memory: int = Field(
        1024 * MIB, ge=256 * MIB, description="Bytes that reading one picture may use."
    )
    image_cpu_seconds: int = Field(
        4, ge=1, le=120, description="Seconds of processor time that reading one picture may use."
    )
    image_wall_time: Duration = Field(
        timedelta(seconds=15), description="Time after which reading a picture is given up."
    )

    watch_heartbeat: Duration = Field(
        timedelta(seconds=15),
        gt=timedelta(0),
        le=timedelta(seconds=30),
        description="A watch on which nothing happens is written to after this time. Pages open theirs again after 37.5 seconds of silence.",
    )

    evidence_readable: Duration = Field(
        timedelta(hours=24),
        ge=timedelta(0),
        le=timedelta(days=365),
        description="How long after its session's end proctors may still read a learner's pictures and registration; administrators may later.",
    )

    def case_keys(self) -> CaseKeys:
        """What makes and opens the keys of cases, by the master key."""
        return CaseKeys(MasterKey.parse(self.master_key.get_secret_value()))
