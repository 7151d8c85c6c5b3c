"""The metrics that every service has, and the instruments for the metrics that only one service has.

`docs/operations/monitoring.md` lists all metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from opentelemetry.metrics import CallbackOptions, Histogram, Meter, NoOpMeterProvider, Observation
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader

from proctorium_common.telemetry.traces import resource_of

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""The upper bounds of the histogram buckets of durations, in seconds."""

DELAY_BOUNDS = (*BOUNDS[2:], 60.0, 300.0, 1800.0)
"""The upper bounds of the histogram buckets of delays, which are long after an outage, in seconds."""


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
        self._served = self.histogram("rpc.server.duration", "Duration of calls to this service")
        self._called = self.histogram("rpc.client.duration", "Duration of calls to other services")
        self._published = self.histogram(
            "outbox.publish.delay",
            "Time from the recording of an event until the broker has stored it",
            bounds=DELAY_BOUNDS,
        )
        self._handled = self.histogram(
            "consumer.handling.delay",
            "Time from the recording of an event until a consumer has handled it",
            bounds=DELAY_BOUNDS,
        )
        self._fan_out = self.histogram(
            "live.fan_out.duration",
            "Time from the notification of a change until the watchers of this process have it",
        )
        self._loop_lag = self.histogram(
            "event_loop.lag", "Time for which the event loop delayed a timer"
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

    def record_published(self, seconds: float) -> None:
        """Record that the broker stored an event `seconds` after the event was recorded."""
        self._published.record(max(0.0, seconds))

    def record_handled(self, consumer: str, seconds: float) -> None:
        """Record that `consumer` handled an event `seconds` after the event was recorded."""
        self._handled.record(max(0.0, seconds), {"consumer": consumer})

    def record_fan_out(self, seconds: float) -> None:
        """Record that watchers of this process had a change `seconds` after its notification."""
        self._fan_out.record(seconds)

    def record_loop_lag(self, seconds: float) -> None:
        """Record that the event loop delayed a timer by `seconds`."""
        self._loop_lag.record(seconds)

    def _observe_in_flight(self, _: CallbackOptions) -> Iterator[Observation]:
        yield Observation(self.in_flight)

    def histogram(
        self, name: str, description: str, *, bounds: tuple[float, ...] = BOUNDS
    ) -> Histogram:
        """Add a histogram of times in seconds."""
        return self.meter.create_histogram(
            name, "s", description, explicit_bucket_boundaries_advisory=list(bounds)
        )

    def observe(
        self,
        name: str,
        description: str,
        read: Callable[[], Iterable[Observation]],
        *,
        unit: str = "",
    ) -> None:
        """Add a gauge; `read` returns its values each time the metrics are collected.

        `read` is called in the thread of the exporter, so it must only read values that are in memory.
        """
        self.meter.create_observable_gauge(name, [lambda _: read()], unit, description)

    def close(self, timeout_ms: int = 2000) -> None:
        """Export the metrics one last time, within about `timeout_ms` milliseconds.

        Call this method in a thread, because it blocks.
        """
        if self._provider is not None:
            self._provider.shutdown(timeout_ms)
