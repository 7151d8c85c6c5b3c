"""Tests that the trace page returns the newest metrics with the names that they have in Prometheus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from proctorium_devstack.traces.app import web
from proctorium_devstack.traces.metrics import MetricStore
from proctorium_devstack.traces.store import TraceStore


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[AsyncClient]:
    store = TraceStore(tmp_path / "traces.sqlite")
    async with AsyncClient(transport=ASGITransport(web(store)), base_url="http://traces") as client:
        yield client
    store.close()


def _pair(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _request(*metrics: Metric, instance: str = "pod-1") -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add(
        resource=Resource(
            attributes=[_pair("service.name", "session"), _pair("service.instance.id", instance)]
        )
    )
    resource.scope_metrics.add(metrics=metrics)
    return request


async def _send(page: AsyncClient, *metrics: Metric, instance: str = "pod-1") -> None:
    request = _request(*metrics, instance=instance)
    response = await page.post(
        "/v1/metrics",
        content=request.SerializeToString(),
        headers={"content-type": "application/x-protobuf"},
    )
    assert response.status_code == 200, response.text


def _gauge(name: str, value: int, **attributes: str) -> Metric:
    metric = Metric(name=name)
    point = metric.gauge.data_points.add(as_int=value)
    point.attributes.extend(_pair(key, text) for key, text in attributes.items())
    return metric


async def _lines(page: AsyncClient) -> list[str]:
    return (await page.get("/metrics")).text.splitlines()


async def test_histogram_has_cumulative_buckets_in_seconds(page: AsyncClient) -> None:
    metric = Metric(name="rpc.server.duration", unit="s")
    point = metric.histogram.data_points.add(
        explicit_bounds=[0.005, 2.5], bucket_counts=[3, 1, 2], count=6, sum=12.5
    )
    point.attributes.append(_pair("rpc.method", "Join"))
    await _send(page, metric)
    process = 'instance="pod-1",job="session"'
    assert await _lines(page) == [
        f'rpc_server_duration_seconds_bucket{{{process},le="0.005",rpc_method="Join"}} 3',
        f'rpc_server_duration_seconds_bucket{{{process},le="2.5",rpc_method="Join"}} 4',
        f'rpc_server_duration_seconds_bucket{{{process},le="+Inf",rpc_method="Join"}} 6',
        f'rpc_server_duration_seconds_sum{{{process},rpc_method="Join"}} 12.5',
        f'rpc_server_duration_seconds_count{{{process},rpc_method="Join"}} 6',
    ]


async def test_only_monotonic_sums_are_totals(page: AsyncClient) -> None:
    counter, in_flight = Metric(name="mails"), Metric(name="in_flight")
    counter.sum.is_monotonic = True
    counter.sum.data_points.add(as_int=2)
    in_flight.sum.data_points.add(as_double=0.5)
    await _send(page, counter, in_flight)
    process = 'instance="pod-1",job="session"'
    assert await _lines(page) == [f"mails_total{{{process}}} 2", f"in_flight{{{process}}} 0.5"]


async def test_newest_export_of_each_process_is_shown(page: AsyncClient) -> None:
    await _send(page, _gauge("outbox.unpublished", 1))
    await _send(page, _gauge("outbox.unpublished", 2))
    await _send(page, _gauge("outbox.unpublished", 3), instance="pod-2")
    assert await _lines(page) == [
        'outbox_unpublished{instance="pod-1",job="session"} 2',
        'outbox_unpublished{instance="pod-2",job="session"} 3',
    ]


def test_process_without_exports_expires() -> None:
    time = 0.0
    store = MetricStore(now=lambda: time)
    store.add(_request(_gauge("a", 1)))
    time = 179.0
    store.add(_request(_gauge("a", 2), instance="pod-2"))
    assert len(store.text().splitlines()) == 2
    time = 180.0
    assert store.text() == 'a{instance="pod-2",job="session"} 2\n'


async def test_values_of_labels_are_escaped(page: AsyncClient) -> None:
    await _send(page, _gauge("a", 1, b='say "no"\\\n'))
    assert await _lines(page) == [r'a{b="say \"no\"\\\n",instance="pod-1",job="session"} 1']
