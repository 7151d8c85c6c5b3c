"""A receiver of OTLP over HTTP. It stores traces and the newest metrics. It discards logs."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from proctorium_devstack.traces.metrics import MetricStore
from proctorium_devstack.traces.span import spans_of
from proctorium_devstack.traces.store import TraceStore

M = TypeVar("M", bound=Message)

_PROTOBUF = "application/x-protobuf"
_MAX_BYTES = 64 * 1024 * 1024


def receiver(store: TraceStore, newest: MetricStore) -> list[Route]:
    """Return the routes to which exporters send traces, metrics and logs."""

    async def traces(request: Request) -> Response:
        spans = list(spans_of(_read(await _body(request), ExportTraceServiceRequest)))
        await asyncio.to_thread(store.add, spans)
        return _response(ExportTraceServiceResponse())

    async def metrics(request: Request) -> Response:
        newest.add(_read(await _body(request), ExportMetricsServiceRequest))
        return _response(ExportMetricsServiceResponse())

    async def logs(_: Request) -> Response:
        return _response(ExportLogsServiceResponse())

    return [
        Route("/v1/traces", traces, methods=["POST"]),
        Route("/v1/metrics", metrics, methods=["POST"]),
        Route("/v1/logs", logs, methods=["POST"]),
    ]


def _response(message: Message) -> Response:
    return Response(message.SerializeToString(), media_type=_PROTOBUF)


async def _body(request: Request) -> bytes:
    if not request.headers.get("content-type", "").startswith(_PROTOBUF):
        raise HTTPException(415, f"OTLP must be sent as {_PROTOBUF}.")
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > _MAX_BYTES:
            raise HTTPException(413, "This batch is too large.")
    if request.headers.get("content-encoding") != "gzip":
        return bytes(received)
    try:
        return gzip.decompress(received)
    except (OSError, EOFError, zlib.error):
        raise HTTPException(400, "This is not gzip.") from None


def _read(body: bytes, kind: type[M]) -> M:
    try:
        return kind.FromString(body)
    except DecodeError:
        raise HTTPException(400, "This is not an OTLP request.") from None
