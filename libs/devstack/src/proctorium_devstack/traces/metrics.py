"""The newest metrics of each process, and their text in Prometheus's exposition format.

The names follow the rules by which the OpenTelemetry Collector exports metrics to Prometheus, so that a test can read
from the development stack which series an installation has.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
)

Labels = Mapping[str, str]

_UNITS = {"s": "_seconds", "ms": "_milliseconds", "By": "_bytes"}
_INVALID = re.compile(r"[^a-zA-Z0-9_:]")
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


_MAX_PROCESSES = 100
_EXPIRATION = 180.0
"""The time after its last export, in seconds, in which a process is shown, as `metric_expiration` of the collector."""


class MetricStore:
    """The last export of each process. Metrics of earlier exports are not stored.

    A process that has exported nothing for `_EXPIRATION` is not shown, because it has probably ended. If there are too
    many processes, the one whose last export is oldest is removed. `now` returns the time in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._resources: dict[tuple[str, str], tuple[float, ResourceMetrics]] = {}

    def add(self, request: ExportMetricsServiceRequest) -> None:
        """Replace the metrics of the processes in the request."""
        for resource in request.resource_metrics:
            process = _process_of(resource)
            self._resources.pop(process, None)
            self._resources[process] = self._now(), resource
            if len(self._resources) > _MAX_PROCESSES:
                del self._resources[next(iter(self._resources))]

    def text(self) -> str:
        """Return all metrics in Prometheus's exposition format, without comments."""
        oldest = self._now() - _EXPIRATION
        return "".join(
            f"{name}{{{_text_of(labels)}}} {value:.17g}\n"
            for (job, instance), (exported, resource) in sorted(
                self._resources.items(), key=itemgetter(0)
            )
            if exported > oldest
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for name, labels, value in _series(metric, {"instance": instance, "job": job})
        )


def _process_of(resource: ResourceMetrics) -> tuple[str, str]:
    attributes = _labels(resource.resource.attributes)
    return attributes.get("service_name", ""), attributes.get("service_instance_id", "")


def _series(metric: Metric, process: Labels) -> Iterator[tuple[str, Labels, float]]:
    """Yield the name, the labels and the value of each series of a metric."""
    name = _INVALID.sub("_", metric.name) + _UNITS.get(metric.unit, "")
    if metric.HasField("histogram"):
        for point in metric.histogram.data_points:
            yield from _of_histogram(name, {**process, **_labels(point.attributes)}, point)
    elif metric.HasField("gauge"):
        for number in metric.gauge.data_points:
            yield name, {**process, **_labels(number.attributes)}, _value(number)
    elif metric.HasField("sum"):
        suffix = "_total" if metric.sum.is_monotonic else ""
        for number in metric.sum.data_points:
            yield name + suffix, {**process, **_labels(number.attributes)}, _value(number)


def _of_histogram(
    name: str, labels: Labels, point: HistogramDataPoint
) -> Iterator[tuple[str, Labels, float]]:
    total = 0
    bounds = [*(f"{bound:g}" for bound in point.explicit_bounds), "+Inf"]
    for bound, count in zip(bounds, point.bucket_counts, strict=True):
        total += count
        yield f"{name}_bucket", {**labels, "le": bound}, total
    yield f"{name}_sum", labels, point.sum
    yield f"{name}_count", labels, point.count


def _value(point: NumberDataPoint) -> float:
    return float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double)


def _labels(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {_INVALID.sub("_", each.key): _label(each.value) for each in attributes}


def _label(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    return "" if kind is None else str(getattr(value, kind))


def _text_of(labels: Labels) -> str:
    return ",".join(
        f'{name}="{value.translate(_ESCAPED)}"' for name, value in sorted(labels.items())
    )
