"""The settings of session orchestration."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from proctorium_common.process.settings import Duration, ServiceSettings
from proctorium_session.domain.coverage import UNCOVERED_AFTER
from proctorium_session.domain.outages import RECONNECT
from proctorium_session.domain.sessions import AUTO_CLOSE_AFTER


class Settings(ServiceSettings):
    """The settings of session orchestration, in addition to the settings that all services have."""

    enrollment_address: str | None = Field(
        None, description="The address of enrollment as host:port."
    )
    assessment_address: str | None = Field(
        None, description="The address of assessment as host:port."
    )
    presence_lease: Duration = Field(
        timedelta(seconds=6),
        gt=timedelta(0),
        description="The validity of a presence lease, after which a learner without a stream is disconnected.",
    )
    presence_linger: Duration = Field(
        timedelta(seconds=2),
        description="The time after which a learner whose last stream closed is disconnected.",
    )
    presence_reconnect: Duration = Field(
        RECONNECT,
        ge=timedelta(0),
        le=timedelta(minutes=5),
        description="The time in which learners can connect again after the service itself was away.",
    )
    presence_every: Duration = Field(
        timedelta(seconds=1),
        gt=timedelta(0),
        description="The interval at which leases are stored and presence is updated.",
    )
    coverage_every: Duration = Field(
        timedelta(seconds=1),
        gt=timedelta(0),
        description="The interval at which the presence of proctors is stored and uncovered sessions are found.",
    )
    uncovered_after: Duration = Field(
        UNCOVERED_AFTER,
        ge=timedelta(seconds=1),
        le=timedelta(minutes=10),
        description="The default time without a present proctor after which a session is uncovered.",
    )
    auto_close_after: Duration = Field(
        AUTO_CLOSE_AFTER,
        ge=timedelta(0),
        le=timedelta(hours=24),
        description="The default time after the planned end at which a session closes automatically.",
    )
    closing_every: Duration = Field(
        timedelta(seconds=1),
        gt=timedelta(0),
        description="The interval at which sessions are closed and ended automatically.",
    )
    lobby_every: Duration = Field(
        timedelta(seconds=1),
        gt=timedelta(0),
        description="The interval at which lobbies that are due are opened.",
    )
    overrun_every: Duration = Field(
        timedelta(seconds=1),
        gt=timedelta(0),
        description="The interval at which overruns of breaks are recorded.",
    )
    course_progress_every: Duration = Field(
        timedelta(seconds=1),
        gt=timedelta(0),
        description="The interval at which rosters show the progress of learners through their courses.",
    )
    record_access_period: Duration = Field(
        timedelta(hours=24),
        ge=timedelta(0),
        le=timedelta(days=365),
        description="The time after the end of a session in which its proctors may read its record.",
    )
    watch_heartbeat: Duration = Field(
        timedelta(seconds=15),
        gt=timedelta(0),
        le=timedelta(seconds=30),
        description="The interval of heartbeats on a watch. Pages reopen a watch after 37.5 seconds without a message.",
    )
