"""Exporters that send spans and metrics by OTLP over HTTP.

An exporter logs only the first of several consecutive failures, and never raises an exception.
"""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from proctorium_common.telemetry.logs import get_logger

_log = get_logger()

# A batch that cannot be sent within this time is dropped. Exporters run in their own threads, so that no call waits for
# an export.
_TIMEOUT_SECONDS = 2.0


class _Receiver:
    """Logs a line when the receiver becomes unreachable, and another when the receiver is reachable again."""

    def __init__(self, endpoint: str, service: str) -> None:
        # Bind the name of the service to the logger, because exporters run in threads without the service's context.
        self._log = _log.bind(endpoint=endpoint, service=service)
        self._reachable = True

    def update(self, *, reachable: bool) -> None:
        if reachable != self._reachable:
            self._reachable = reachable
            if reachable:
                self._log.info("telemetry_receiver_reachable")
            else:
                self._log.warning("telemetry_receiver_unreachable")


class SpansOverHttp(OTLPSpanExporter):
    """Sends spans to `<base>/v1/traces`."""

    def __init__(self, base: str, service: str) -> None:
        endpoint = f"{base.rstrip('/')}/v1/traces"
        super().__init__(endpoint=endpoint, timeout=_TIMEOUT_SECONDS)
        self._receiver = _Receiver(endpoint, service)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export a batch of spans. The batch processor calls this method in its own thread."""
        try:
            result = super().export(spans)
        except Exception:  # noqa: BLE001 - a failed export must not affect the service
            result = SpanExportResult.FAILURE
        self._receiver.update(reachable=result is SpanExportResult.SUCCESS)
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
        """Export the current metrics. The periodic reader calls this method in its own thread."""
        try:
            result = super().export(metrics_data, timeout_millis, **kwargs)
        except Exception:  # noqa: BLE001 - a failed export must not affect the service
            result = MetricExportResult.FAILURE
        self._receiver.update(reachable=result is MetricExportResult.SUCCESS)
        return result
