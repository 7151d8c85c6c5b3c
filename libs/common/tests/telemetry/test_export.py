"""Test that telemetry is exported by OTLP, and that an unreachable receiver causes no failures and no delays."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from structlog.testing import capture_logs

from proctorium_common.telemetry import start_telemetry
from proctorium_common.telemetry.export import SpansOverHttp
from proctorium_common.telemetry.traces import NOT_TRACING, Tracing, span, use_tracing

from .receiver import receiving


async def test_spans_and_metrics_are_exported_with_the_service_name() -> None:
    with receiving() as (receiver, base):
        telemetry = start_telemetry("assessment", endpoint=base, ratio=1.0)
        with span("save"):
            telemetry.metrics.record_served(
                "/proctorium.assessment.v1.AttemptService/SaveAnswers", "OK", 0.004
            )
            telemetry.metrics.record_served(
                "/proctorium.assessment.v1.AttemptService/SaveAnswers", "OK", 99.0
            )
        await telemetry.close()
        assert receiver.spans() == [("assessment", "save")]
        metrics: dict[str, Any] = receiver.metrics()
    [point] = metrics["rpc.server.duration"].histogram.data_points
    attributes = {found.key: found.value.string_value for found in point.attributes}
    assert attributes == {
        "rpc.method": "proctorium.assessment.v1.AttemptService/SaveAnswers",
        "rpc.grpc.status": "OK",
    }
    assert (point.count, round(point.sum, 3), point.max) == (2, 99.004, 99.0)
    assert point.bucket_counts[2] == 1  # the bucket up to 5 ms
    assert point.bucket_counts[-1] == 1  # the bucket above the last bound
    assert "rpc.server.in_flight" in metrics
    use_tracing(NOT_TRACING)


async def test_unreachable_receiver_does_not_delay_closing() -> None:
    telemetry = start_telemetry("assessment", endpoint="http://127.0.0.1:1", ratio=1.0)
    for _ in range(100):
        with span("save"):
            pass
    start = time.monotonic()
    with capture_logs():
        await telemetry.close()
    assert time.monotonic() - start < 4
    use_tracing(NOT_TRACING)


async def test_unresponsive_receiver_does_not_delay_closing() -> None:
    silent = socket.create_server(("127.0.0.1", 0))  # accepts connections and never responds
    port = silent.getsockname()[1]
    telemetry = start_telemetry("assessment", endpoint=f"http://127.0.0.1:{port}", ratio=1.0)
    with span("save"):
        pass
    start = time.monotonic()
    with capture_logs():
        await telemetry.close()
    assert time.monotonic() - start < 4
    silent.close()
    use_tracing(NOT_TRACING)


def test_loss_and_return_of_the_receiver_are_logged_once(
    free_port: Callable[[], int],
) -> None:
    port = free_port()
    exporter = SpansOverHttp(f"http://127.0.0.1:{port}", "assessment")
    tracing = Tracing("assessment", ratio=1.0, exporter=exporter)
    with capture_logs() as lines:
        for _ in range(2):
            exporter.export(_one_span(tracing))
        with receiving(port):
            for _ in range(2):
                exporter.export(_one_span(tracing))
    ours = [line for line in lines if f":{port}/" in line["endpoint"]]
    assert [line["event"] for line in ours] == [
        "telemetry_receiver_unreachable",
        "telemetry_receiver_reachable",
    ]
    assert ours[0]["service"] == "assessment"
    tracing.close()


def _one_span(tracing: Tracing) -> list[Any]:
    started = tracing.start("save", None)
    return [started]
