"""Metrics of one service: calls by method and code, calls in flight, and the state of what it depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from opentelemetry.metrics import CallbackOptions, Meter, NoOpMeterProvider, Observation
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader

from proctorium_common.telemetry.traces import resource_of

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper ends of the buckets of durations, in seconds."""


class Metrics:
    """The instruments of one service. Without an `exporter` nothing is sent.

    `meter` is for instruments of the service's own.
    """

    def __init__(
        self,
        service: str,
        *,
        exporter: MetricExporter | None = None,
        every_ms: float | None = None,
    ) -> None:
        """`every_ms` is OTEL_METRIC_EXPORT_INTERVAL unless it is given."""
        self.in_flight = 0
        self._provider: MeterProvider | None = None
        if exporter is not None:
            self._provider = MeterProvider(
                metric_readers=[
                    PeriodicExportingMetricReader(exporter, export_interval_millis=every_ms)
                ],
                resource=resource_of(service),
                # Exemplars would add a trace to each value at a cost for every value; logs have the trace id.
                exemplar_filter=AlwaysOffExemplarFilter(),
                shutdown_on_exit=False,
            )
        provider = self._provider or NoOpMeterProvider()
        self.meter: Meter = provider.get_meter("proctorium")
        bounds = list(BOUNDS)
        self._served = self.meter.create_histogram(
            "rpc.server.duration", "s", "Calls served", explicit_bucket_boundaries_advisory=bounds
        )
        self._called = self.meter.create_histogram(
            "rpc.client.duration",
            "s",
            "Calls to other services",
            explicit_bucket_boundaries_advisory=bounds,
        )
        self.meter.create_observable_up_down_counter(
            "rpc.server.in_flight", [self._observe_in_flight], description="Calls in flight"
        )

    def record_served(self, method: str, code: str, seconds: float) -> None:
        """Count a call to `method` ("/package.Service/Method") that ended with `code`."""
        self._served.record(seconds, {"rpc.method": method[1:], "rpc.grpc.status": code})

    def record_called(self, method: str, code: str, seconds: float) -> None:
        """Count a call of this service to another one."""
        self._called.record(seconds, {"rpc.method": method[1:], "rpc.grpc.status": code})

    def _observe_in_flight(self, _: CallbackOptions) -> Iterator[Observation]:
        yield Observation(self.in_flight)

    def observe(
        self, name: str, description: str, read: Callable[[], Iterable[Observation]]
    ) -> None:
        """Add a gauge that is read when metrics are collected."""
        self.meter.create_observable_gauge(name, [lambda _: read()], description=description)

    def close(self, timeout_ms: int = 2000) -> None:
        """Send a last reading, for at most about `timeout_ms`; blocks, so call it in a thread."""
        if self._provider is not None:
            self._provider.shutdown(timeout_ms)
