"""What session orchestration is told by its environment."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from proctorium_common.process.settings import Duration, ServiceSettings


class Settings(ServiceSettings):
    """The settings of session orchestration."""

    enrollment_address: str | None = Field(
        None, description="host:port of enrollment, which is asked for signing keys among others."
    )
    assessment_address: str | None = Field(None, description="host:port of assessment.")
    presence_lease: Duration = Field(
        timedelta(seconds=6),
        gt=timedelta(0),
        description="A learner of a replica that died is shown as disconnected after this time.",
    )
    presence_linger: Duration = Field(
        timedelta(seconds=2),
        description="A learner whose last stream closed is shown as disconnected after this time, unless they are back.",
    )
    presence_every: Duration = Field(
        timedelta(seconds=1),
        gt=timedelta(0),
        description="How often presence is written and shown.",
    )
    lobby_every: Duration = Field(
        timedelta(seconds=1),
        gt=timedelta(0),
        description="How often lobbies that are due are opened.",
    )
    record_readable: Duration = Field(
        timedelta(hours=24),
        ge=timedelta(0),
        le=timedelta(days=365),
        description="How long after a session's end its proctors may still read its record; administrators may at any time.",
    )
    watch_heartbeat: Duration = Field(
        timedelta(seconds=15),
        gt=timedelta(0),
        le=timedelta(seconds=30),
        description="A watch on which nothing happens is written to after this time. Pages open theirs anew after 37.5 seconds of silence.",
    )
