"""Test which processes run the workers, if the service is split into processes by role."""

from __future__ import annotations

import pytest

from proctorium_common.process.life import Life, assemble
from proctorium_common.process.roles import ProcessRole
from proctorium_common.process.workers import Worker
from proctorium_common.telemetry.logs import CallLog
from proctorium_session.__main__ import build
from proctorium_session.settings import Settings

UNREACHABLE = "127.0.0.1:1"


@pytest.mark.parametrize(
    ("role", "workers"),
    [
        (ProcessRole.SERVE, ["presence", "coverage"]),
        (ProcessRole.WORK, ["purge", "lobby", "closing", "overruns", "course-progress"]),
    ],
)
async def test_presence_is_stored_by_the_process_that_has_the_streams(
    role: ProcessRole, workers: list[str]
) -> None:
    settings = Settings(
        database_url=f"postgresql://x@{UNREACHABLE}/x",
        nats_url=f"nats://{UNREACHABLE}",
        enrollment_address=UNREACHABLE,
        assessment_address=UNREACHABLE,
        process_roles=frozenset({role}),
    )
    service = assemble("proctorium_session", settings, build, call_log=CallLog())
    assert [part.name for part in service.parts if isinstance(part, Worker)] == workers
    await Life(service).close()
