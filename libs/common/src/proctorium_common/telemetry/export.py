"""Sends spans and metrics by OTLP over HTTP, and never lets a missing receiver be felt."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from proctorium_common.telemetry.logs import get_logger

log = get_logger()

# One attempt, in a thread of its own: what cannot be sent in this time is dropped, and the next batch tries again.
_TIMEOUT_SECONDS = 2.0


class _Receiver:
    """Says once that the receiver is away, and once that it is back."""

    def __init__(self, endpoint: str, service: str) -> None:
        # Exporters run in threads of their own, which know nothing of the service they belong to.
        self._log = log.bind(endpoint=endpoint, service=service)
        self._reachable = True

    def heard(self, reachable: bool) -> None:
        if reachable != self._reachable:
            self._reachable = reachable
            if reachable:
                self._log.info("telemetry_receiver_back")
            else:
                self._log.warning("telemetry_receiver_missing")


class SpansOverHttp(SpanExporter):
    """Sends spans to `<base>/v1/traces`; a failure loses the batch and is reported as a change of state only."""

    def __init__(self, base: str, service: str) -> None:
        endpoint = f"{base.rstrip('/')}/v1/traces"
        self._exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_TIMEOUT_SECONDS)
        self._receiver = _Receiver(endpoint, service)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends one batch, in the thread of the batch processor."""
        try:
            result = self._exporter.export(spans)
        except Exception:  # noqa: BLE001 - telemetry must never be the failure
            result = SpanExportResult.FAILURE
        self._receiver.heard(result is SpanExportResult.SUCCESS)
        return result

    def shutdown(self) -> None:
        """Ends the connection."""
        self._exporter.shutdown()


class MetricsOverHttp(MetricExporter):
    """Sends metrics to `<base>/v1/metrics`, each reading as `complete` makes it whole; failures as for spans."""

    def __init__(
        self, base: str, service: str, complete: Callable[[MetricsData], MetricsData]
    ) -> None:
        self._complete = complete
        endpoint = f"{base.rstrip('/')}/v1/metrics"
        self._exporter = OTLPMetricExporter(endpoint=endpoint, timeout=_TIMEOUT_SECONDS)
        self._receiver = _Receiver(endpoint, service)
        super().__init__()

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 2000, **kwargs: object
    ) -> MetricExportResult:
        """Sends one reading, in the thread of the periodic reader."""
        try:
            result = self._exporter.export(self._complete(metrics_data), timeout_millis)
        except Exception:  # noqa: BLE001 - telemetry must never be the failure
            result = MetricExportResult.FAILURE
        self._receiver.heard(result is MetricExportResult.SUCCESS)
        return result

    def force_flush(self, timeout_millis: float = 2000) -> bool:
        """Nothing is held back here."""
        return True

    def shutdown(self, timeout_millis: float = 2000, **kwargs: object) -> None:
        """Ends the connection."""
        self._exporter.shutdown(timeout_millis)
