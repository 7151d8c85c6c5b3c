"""The metrics of a service: durations of calls by method and status code, calls in progress, and health checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from opentelemetry.metrics import CallbackOptions, Meter, NoOpMeterProvider, Observation
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader

from proctorium_common.telemetry.traces import resource_of

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""The upper bounds of the histogram buckets of durations, in seconds."""


class Metrics:
    """The metrics of one service. Without an `exporter`, no metrics are recorded.

    Use `meter` to create instruments for metrics that only this service has.
    """

    def __init__(
        self,
        service: str,
        *,
        exporter: MetricExporter | None = None,
        interval_ms: float | None = None,
    ) -> None:
        """Export the metrics every `interval_ms` milliseconds.

        The default of `interval_ms` is the environment variable OTEL_METRIC_EXPORT_INTERVAL.
        """
        self.in_flight = 0
        self._provider: MeterProvider | None = None
        if exporter is not None:
            self._provider = MeterProvider(
                metric_readers=[
                    PeriodicExportingMetricReader(exporter, export_interval_millis=interval_ms)
                ],
                resource=resource_of(service),
                # Record no exemplars. An exemplar links a recorded value to a trace, but costs time for each value. Log
                # lines already contain the trace id.
                exemplar_filter=AlwaysOffExemplarFilter(),
                shutdown_on_exit=False,
            )
        provider = self._provider or NoOpMeterProvider()
        self.meter: Meter = provider.get_meter("proctorium")
        bounds = list(BOUNDS)
        self._served = self.meter.create_histogram(
            "rpc.server.duration",
            "s",
            "Duration of calls to this service",
            explicit_bucket_boundaries_advisory=bounds,
        )
        self._called = self.meter.create_histogram(
            "rpc.client.duration",
            "s",
            "Duration of calls to other services",
            explicit_bucket_boundaries_advisory=bounds,
        )
        self.meter.create_observable_up_down_counter(
            "rpc.server.in_flight",
            [self._observe_in_flight],
            description="Calls to this service in progress",
        )

    def record_served(self, method: str, code: str, seconds: float) -> None:
        """Record that a call to `method` ("/package.Service/Method") of this service ended with `code`."""
        self._served.record(seconds, {"rpc.method": method[1:], "rpc.grpc.status": code})

    def record_called(self, method: str, code: str, seconds: float) -> None:
        """Record that a call from this service to `method` of another service ended with `code`."""
        self._called.record(seconds, {"rpc.method": method[1:], "rpc.grpc.status": code})

    def _observe_in_flight(self, _: CallbackOptions) -> Iterator[Observation]:
        yield Observation(self.in_flight)

    def observe(
        self, name: str, description: str, read: Callable[[], Iterable[Observation]]
    ) -> None:
        """Add a gauge; `read` returns its values each time the metrics are collected."""
        self.meter.create_observable_gauge(name, [lambda _: read()], description=description)

    def close(self, timeout_ms: int = 2000) -> None:
        """Export the metrics for the last time, within about `timeout_ms` milliseconds.

        Call this method in a thread, because it blocks.
        """
        if self._provider is not None:
            self._provider.shutdown(timeout_ms)
