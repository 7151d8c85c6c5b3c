"""Telemetry: logs, traces and metrics, correlated by trace id."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread

from proctorium_common.telemetry.export import MetricsOverHttp, SpansOverHttp
from proctorium_common.telemetry.metrics import Metrics
from proctorium_common.telemetry.traces import Tracing, use_tracing

_FLUSH_SECONDS = 3.0


@dataclass(frozen=True)
class Telemetry:
    """The traces and metrics of one service in this process."""

    tracing: Tracing
    metrics: Metrics

    async def close(self) -> None:
        """Export the remaining spans and metrics, and return after at most three seconds.

        The time limit prevents an unreachable receiver from delaying the shutdown.
        """
        # Use a daemon thread, so that the process can exit while an export to an unreachable receiver is running.
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def flush() -> None:
            self.tracing.close()
            self.metrics.close()
            if not loop.is_closed():
                loop.call_soon_threadsafe(done.set)

        Thread(target=flush, name="telemetry-flush", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                await done.wait()


def start_telemetry(service: str, *, endpoint: str | None, ratio: float) -> Telemetry:
    """Start and return the telemetry of `service`.

    `endpoint` is the base address of the OTLP/HTTP receiver. If `endpoint` is None, no traces and metrics are recorded.
    `ratio` is the share of new traces that are sampled. The OpenTelemetry SDK reads the other OTEL_* environment
    variables (OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_*, OTEL_METRIC_EXPORT_INTERVAL, OTEL_EXPORTER_OTLP_HEADERS …). From
    now on, the current task and the tasks that the current task starts use the tracing of the returned `Telemetry`.
    """
    if endpoint is None:
        telemetry = Telemetry(Tracing(service), Metrics(service))
    else:
        telemetry = Telemetry(
            Tracing(service, ratio=ratio, exporter=SpansOverHttp(endpoint, service)),
            Metrics(service, exporter=MetricsOverHttp(endpoint, service)),
        )
    use_tracing(telemetry.tracing)
    return telemetry
