"""How long calls took, counted in buckets by method and code.

The histogram of OpenTelemetry's SDK costs ten microseconds for each value; every call has one. This costs half of one, and becomes the
SDK's own histogram when metrics are sent.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    ScopeMetrics,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper ends of the buckets, in seconds; one more bucket holds what took longer."""


class _Cell:
    __slots__ = ("counts", "longest", "shortest", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0
        self.shortest = float("inf")
        self.longest = 0.0


class CallDurations:
    """The durations of the calls that a service answers, or of those it makes."""

    def __init__(self, name: str, description: str) -> None:
        self.name = name
        self._description = description
        self._cells: dict[tuple[str, str], _Cell] = {}
        self._since = time.time_ns()

    def add(self, method: str, code: str, seconds: float) -> None:
        """Counts one call to `method` ("/package.Service/Method") that ended with `code`."""
        cell = self._cells.get((method, code))
        if cell is None:
            cell = self._cells[method, code] = _Cell()
        cell.counts[bisect_left(BOUNDS, seconds)] += 1
        cell.total += seconds
        cell.longest = max(cell.longest, seconds)
        cell.shortest = min(cell.shortest, seconds)

    def metric(self, now: int) -> Metric:
        """Everything counted so far as OpenTelemetry's histogram; `now` is in nanoseconds since 1970."""
        points = [
            HistogramDataPoint(
                attributes={"rpc.method": method.lstrip("/"), "rpc.grpc.status": code},
                start_time_unix_nano=self._since,
                time_unix_nano=now,
                count=sum(cell.counts),
                sum=cell.total,
                bucket_counts=list(cell.counts),
                explicit_bounds=BOUNDS,
                min=cell.shortest,
                max=cell.longest,
            )
            # Calls are counted in one thread while metrics are sent from another.
            for (method, code), cell in list(self._cells.items())
        ]
        return Metric(
            name=self.name,
            description=self._description,
            unit="s",
            data=Histogram(points, AggregationTemporality.CUMULATIVE),
        )


def with_durations(read: MetricsData, durations: Sequence[CallDurations]) -> MetricsData:
    """What a reader read, with `durations` beside it."""
    now = time.time_ns()
    ours = ScopeMetrics(
        scope=InstrumentationScope("proctorium.rpc"),
        metrics=[counted.metric(now) for counted in durations],
        schema_url="",
    )
    return MetricsData(
        [
            replace(resource, scope_metrics=[*resource.scope_metrics, ours])
            for resource in read.resource_metrics
        ]
    )
