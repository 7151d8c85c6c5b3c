"""Exporters of spans and metrics by OTLP over HTTP, whose failures are logged once and disturb nothing."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from proctorium_common.telemetry.logs import get_logger

log = get_logger()

# Exporters have threads of their own: what cannot be sent in this time is dropped, and the next batch is tried.
_TIMEOUT_SECONDS = 2.0


class _Receiver:
    """Logs when the receiver becomes unreachable, and when it is reachable again."""

    def __init__(self, endpoint: str, service: str) -> None:
        # The threads of exporters know nothing of the service that they belong to.
        self._log = log.bind(endpoint=endpoint, service=service)
        self._reachable = True

    def note(self, *, reachable: bool) -> None:
        if reachable != self._reachable:
            self._reachable = reachable
            if reachable:
                self._log.info("telemetry_receiver_back")
            else:
                self._log.warning("telemetry_receiver_missing")


class SpansOverHttp(OTLPSpanExporter):
    """Sends spans to `<base>/v1/traces`."""

    def __init__(self, base: str, service: str) -> None:
        endpoint = f"{base.rstrip('/')}/v1/traces"
        super().__init__(endpoint=endpoint, timeout=_TIMEOUT_SECONDS)
        self._receiver = _Receiver(endpoint, service)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch, in the thread of the batch processor."""
        try:
            result = super().export(spans)
        except Exception:  # noqa: BLE001 - telemetry must never be the failure
            result = SpanExportResult.FAILURE
        self._receiver.note(reachable=result is SpanExportResult.SUCCESS)
        return result


class MetricsOverHttp(OTLPMetricExporter):
    """Sends metrics to `<base>/v1/metrics`."""

    def __init__(self, base: str, service: str) -> None:
        endpoint = f"{base.rstrip('/')}/v1/metrics"
        super().__init__(endpoint=endpoint, timeout=_TIMEOUT_SECONDS)
        self._receiver = _Receiver(endpoint, service)

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = None, **kwargs: object
    ) -> MetricExportResult:
        """Send one reading, in the thread of the periodic reader."""
        try:
            result = super().export(metrics_data, timeout_millis, **kwargs)
        except Exception:  # noqa: BLE001 - telemetry must never be the failure
            result = MetricExportResult.FAILURE
        self._receiver.note(reachable=result is MetricExportResult.SUCCESS)
        return result
