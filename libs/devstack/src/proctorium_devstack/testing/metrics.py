"""Metrics that a test can read, through the OpenTelemetry SDK, as in production."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from proctorium_common.telemetry.metrics import Metrics


class _LastExport(MetricExporter):
    """Stores the last exported metrics."""

    def __init__(self) -> None:
        super().__init__()
        self.data: MetricsData | None = None

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object
    ) -> MetricExportResult:
        """Replace the stored metrics."""
        self.data = metrics_data
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Return True, because `export` stores the metrics at once."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        """Do nothing, because the exporter has no connection."""


class ReadableMetrics(Metrics):
    """Metrics that are collected each time that a test reads them."""

    def __init__(self, service: str = "test") -> None:
        self._last = _LastExport()
        # With an infinite interval, the reader starts no thread.
        super().__init__(service, exporter=self._last, interval_ms=math.inf)

    def points(self, name: str, **attributes: object) -> list[Any]:
        """Return the data points of the metric `name` that have the given attributes."""
        assert self._provider is not None, "there is an exporter"
        self._provider.force_flush()
        return [
            point
            for metric in self._metrics()
            if metric.name == name
            for point in metric.data.data_points
            if attributes.items() <= dict(point.attributes).items()
        ]

    def value(self, name: str, **attributes: object) -> float:
        """Return the value of the only gauge that has the given name and attributes."""
        [point] = self.points(name, **attributes)
        value: float = point.value
        return value

    def count(self, name: str, **attributes: object) -> int:
        """Return the number of values that were recorded in the histograms with the given name and attributes."""
        return sum(point.count for point in self.points(name, **attributes))

    def _metrics(self) -> Iterator[Any]:
        if self._last.data is None:
            return
        for resource in self._last.data.resource_metrics:
            for scope in resource.scope_metrics:
                yield from scope.metrics
