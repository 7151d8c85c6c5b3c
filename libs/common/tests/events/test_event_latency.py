"""The time from commit to effect can be measured, and is nowhere near that of a poll."""

from __future__ import annotations

from proctorium_common.events.measure import measure_latency
from proctorium_devstack.parts.nats import Nats

from ..conftest import SAMPLE, Migrated


async def test_events_are_handled_long_before_a_poll_would_find_them(
    migrated_database: Migrated, own_nats: Nats
) -> None:
    measured = await measure_latency(
        migrated_database(SAMPLE), own_nats.url, per_second=50, seconds=1
    )
    assert measured.events == 50
    assert measured.p50_ms < 500, "the relay wakes by NOTIFY; its poll is every two seconds"
