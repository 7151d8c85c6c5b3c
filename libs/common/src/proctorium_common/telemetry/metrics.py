"""Metrics of one service: calls by method and code, calls in flight, and the state of what it depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from opentelemetry.metrics import CallbackOptions, Histogram, Meter, NoOpMeterProvider, Observation
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource

_DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The instruments of one service. Without a `reader` they cost nothing and measure nothing.

    `meter` is for instruments that a service or another part of the library makes by itself.
    """

    def __init__(
        self, service: str, *, reader: MetricReader | None = None, instance: str = ""
    ) -> None:
        self._provider: MeterProvider | None = None
        if reader is not None:
            self._provider = MeterProvider(
                metric_readers=[reader],
                resource=Resource.create({SERVICE_NAME: service, SERVICE_INSTANCE_ID: instance}),
                # Exemplars would join a trace to each bucket at a price on every call; logs carry the trace id.
                exemplar_filter=AlwaysOffExemplarFilter(),
                shutdown_on_exit=False,
            )
        provider = self._provider or NoOpMeterProvider()
        self.meter: Meter = provider.get_meter("proctorium")
        self._served = self._durations("rpc.server.duration", "Calls answered")
        self._asked = self._durations("rpc.client.duration", "Calls made to other services")
        self._attributes: dict[tuple[str, str], dict[str, str]] = {}
        self.in_flight = 0
        self.meter.create_observable_up_down_counter(
            "rpc.server.in_flight", [self._observe_in_flight], description="Calls under way"
        )

    def _durations(self, name: str, description: str) -> Histogram:
        return self.meter.create_histogram(
            name,
            unit="s",
            description=description,
            explicit_bucket_boundaries_advisory=_DURATIONS,
        )

    def _observe_in_flight(self, _: CallbackOptions) -> Iterator[Observation]:
        yield Observation(self.in_flight)

    def served(self, method: str, code: str, seconds: float) -> None:
        """Counts one call that this service answered."""
        if self._provider is not None:
            self._served.record(seconds, self._named(method, code))

    def asked(self, method: str, code: str, seconds: float) -> None:
        """Counts one call that this service made."""
        if self._provider is not None:
            self._asked.record(seconds, self._named(method, code))

    def _named(self, method: str, code: str) -> dict[str, str]:
        # Methods and codes are few; making the same small dict for every call is not free.
        key = (method, code)
        attributes = self._attributes.get(key)
        if attributes is None:
            attributes = {"rpc.method": method.lstrip("/"), "rpc.grpc.status": code}
            self._attributes[key] = attributes
        return attributes

    def observe(
        self, name: str, description: str, read: Callable[[], Iterable[Observation]]
    ) -> None:
        """Adds a gauge that is read when metrics are collected."""
        self.meter.create_observable_gauge(name, [lambda _: read()], description=description)

    def close(self, timeout_ms: int = 2000) -> None:
        """Sends a last reading, for at most about `timeout_ms`; blocks, so call it in a thread."""
        if self._provider is not None:
            self._provider.shutdown(timeout_ms)
