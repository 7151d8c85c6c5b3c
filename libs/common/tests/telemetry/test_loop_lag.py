"""Test the metric of the lag of the event loop, with a clock that the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from proctorium_common.telemetry.loop_lag import measure_loop_lag
from proctorium_devstack.testing.metrics import ReadableMetrics


async def test_late_timers_are_recorded() -> None:
    now = 100.0
    delays: Iterator[float] = iter((0.0, 1.5, -0.1))

    async def sleep(seconds: float) -> None:
        nonlocal now
        delay = next(delays, None)
        if delay is None:
            raise asyncio.CancelledError
        now += seconds + delay

    metrics = ReadableMetrics()
    with pytest.raises(asyncio.CancelledError):
        await measure_loop_lag(metrics.record_loop_lag, sleep=sleep, monotonic=lambda: now)
    [point] = metrics.points("event_loop.lag")
    assert (point.count, point.sum, point.min, point.max) == (3, pytest.approx(1.5), 0.0, 1.5)
