"""An OTLP/HTTP receiver that stores the received requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Receiver:
    """Stores the received requests by path."""

    def __init__(self) -> None:
        self._bodies: dict[str, list[bytes]] = {}
        self._received = Condition()

    def store(self, path: str, body: bytes) -> None:
        with self._received:
            self._bodies.setdefault(path, []).append(body)
            self._received.notify_all()

    def spans(self) -> list[tuple[str, str]]:
        """Return the name of the service and the name of the span for every received span."""
        requests = map(ExportTraceServiceRequest.FromString, self._bodies.get("/v1/traces", []))
        return [
            (_service(resource.resource.attributes), span.name)
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def metrics(self) -> dict[str, object]:
        """Return the last received value of each metric by the name of the metric."""
        requests = map(ExportMetricsServiceRequest.FromString, self._bodies.get("/v1/metrics", []))
        return {
            metric.name: metric
            for request in requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def wait(self, path: str) -> None:
        with self._received:
            assert self._received.wait_for(lambda: path in self._bodies, 10)


def _service(attributes: object) -> str:
    return next(
        (found.value.string_value for found in attributes if found.key == "service.name"),  # type: ignore[attr-defined]  # repeated
        "",
    )


@contextmanager
def receiving(port: int = 0) -> Iterator[tuple[Receiver, str]]:
    """Run a receiver within the block; yield the receiver and the base URL of the receiver."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.store(self.path, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield receiver, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
