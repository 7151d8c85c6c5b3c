"""What operators see: logs, traces and metrics, joined by trace id."""

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
        """Send what is left, for three seconds at most: a missing receiver must not hold up the end of a service."""
        # A daemon thread and not the pool: the process may end while a dead receiver is still being waited for.
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
    """Send traces and metrics to the OTLP/HTTP receiver at `endpoint` (its base address); None records nothing.

    OpenTelemetry's other variables (OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_*, OTEL_METRIC_EXPORT_INTERVAL,
    OTEL_EXPORTER_OTLP_HEADERS …) are read by its SDK. The tracing becomes that of the current task and of all tasks
    that it starts.
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
