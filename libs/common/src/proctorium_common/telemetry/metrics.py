"""Metrics of one service: calls by method and code, calls in flight, and the state of what it depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from opentelemetry.metrics import CallbackOptions, Meter, NoOpMeterProvider, Observation
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricsData,
    PeriodicExportingMetricReader,
)

from proctorium_common.telemetry.durations import CallDurations, with_durations
from proctorium_common.telemetry.traces import resource_of


class Metrics:
    """The instruments of one service. Without an `exporter` nothing is sent.

    `served` and `asked` count the calls that it answers and makes; `meter` is for instruments of one's own.
    """

    def __init__(
        self,
        service: str,
        *,
        exporter: Callable[[Callable[[MetricsData], MetricsData]], MetricExporter] | None = None,
        every_ms: float | None = None,
    ) -> None:
        """`exporter` makes one that sends what its argument answers, so that the durations of calls go with the rest.

        `every_ms` is OTEL_METRIC_EXPORT_INTERVAL unless it is given.
        """
        self.served = CallDurations("rpc.server.duration", "Calls answered")
        self.asked = CallDurations("rpc.client.duration", "Calls made to other services")
        self.in_flight = 0
        self._provider: MeterProvider | None = None
        if exporter is not None:
            self._provider = MeterProvider(
                metric_readers=[
                    PeriodicExportingMetricReader(
                        exporter(self._complete), export_interval_millis=every_ms
                    )
                ],
                resource=resource_of(service),
                # Exemplars would join a trace to each value at a price on every value; logs carry the trace id.
                exemplar_filter=AlwaysOffExemplarFilter(),
                shutdown_on_exit=False,
            )
        provider = self._provider or NoOpMeterProvider()
        self.meter: Meter = provider.get_meter("proctorium")
        self.meter.create_observable_up_down_counter(
            "rpc.server.in_flight", [self._observe_in_flight], description="Calls under way"
        )

    def _complete(self, read: MetricsData) -> MetricsData:
        return with_durations(read, (self.served, self.asked))

    def _observe_in_flight(self, _: CallbackOptions) -> Iterator[Observation]:
        yield Observation(self.in_flight)

    def observe(
        self, name: str, description: str, read: Callable[[], Iterable[Observation]]
    ) -> None:
        """Adds a gauge that is read when metrics are collected."""
        self.meter.create_observable_gauge(name, [lambda _: read()], description=description)

    def close(self, timeout_ms: int = 2000) -> None:
        """Sends a last reading, for at most about `timeout_ms`; blocks, so call it in a thread."""
        if self._provider is not None:
            self._provider.shutdown(timeout_ms)
