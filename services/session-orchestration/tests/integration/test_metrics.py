"""Tests of the metrics of live delivery and presence."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from proctorium_common.ids import new_id
from proctorium_common.storage.listen import Listener
from proctorium_devstack.testing.metrics import ReadableMetrics
from proctorium_devstack.testing.waiting import TIMEOUT, until
from proctorium_session.operations.coverage import ProctorPresence
from proctorium_session.operations.leases import Lease
from proctorium_session.operations.live import Live, LiveSession
from proctorium_session.operations.presence import Presence

from .harness import Harness, plan, start

FAN_OUT = "live.fan_out.duration"


async def test_change_is_recorded_once_after_the_watchers_ran(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    await until(harness.is_quiet)
    metrics, listener = ReadableMetrics(), Listener(harness.database)
    live = Live(harness.database, listener, metrics)
    async with live.session(UUID(session.session_id)) as shared, asyncio.timeout(TIMEOUT):
        before = await shared.snapshot_since(0)
        with shared.roster() as first, shared.roster() as second:
            await start(proctor, session.session_id)
            while shared.snapshot.session.state == before.session.state:
                await first.wait()
                first.clear()
            assert second.is_set()

            def recorded() -> int:
                return metrics.count(FAN_OUT)

            changes = shared.snapshot.revision - before.revision
            assert 1 <= await until(recorded) <= changes
    await live.close()
    await listener.close()


async def test_first_read_and_notification_without_a_change_are_not_recorded(
    harness: Harness,
) -> None:
    session = await harness.scheduled(plan([harness.proctor()]))
    await until(harness.is_quiet)
    metrics = ReadableMetrics()
    # This live session receives no notifications of the service.
    shared = LiveSession(harness.database, UUID(session.session_id), metrics)
    for _ in range(2):
        shared.notify()
        assert shared._task is not None
        await shared._task
    assert shared.snapshot.revision
    assert metrics.count(FAN_OUT) == 0


def test_people_with_an_open_stream_are_counted_once(harness: Harness) -> None:
    lease = Lease(length=timedelta(seconds=6))
    learners = Presence(harness.database, new_id(), lease, lambda: 0.0)
    proctors = ProctorPresence(harness.database, new_id(), lease, lambda: 0.0)
    participant_id, session_id, person_id = new_id(), new_id(), new_id()
    with learners.stream(participant_id), learners.stream(participant_id):
        with learners.stream(new_id()), proctors.stream(session_id, person_id):
            assert (learners.connected, proctors.connected) == (2, 1)
        assert (learners.connected, proctors.connected) == (1, 0)
    assert learners.connected == 0
