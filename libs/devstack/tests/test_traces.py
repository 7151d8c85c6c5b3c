"""Tests that the trace page receives spans, and finds and shows traces."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient

from proctorium_devstack.testing.otlp import SpanSpec, request, span_id, trace_id
from proctorium_devstack.traces.app import web
from proctorium_devstack.traces.store import TraceStore

JOIN = (
    SpanSpec("edge", "POST", 0, 40, 1, kind="server"),
    SpanSpec(
        "session",
        "LobbyService/JoinSession",
        2,
        35,
        2,
        1,
        "server",
        attributes={"proctorium.session_id": "S1"},
    ),
    SpanSpec(
        "enrollment", "CodeService/BatchResolveCodes", 8, 12, 3, 2, "server", error="CODE_EXPIRED"
    ),
)
RETRY = SpanSpec(
    "notification", "process code.issued", 900, 5, 9, trace=2, kind="consumer", links=((1, 3),)
)


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[AsyncClient]:
    store = TraceStore(tmp_path / "traces.sqlite")
    async with AsyncClient(transport=ASGITransport(web(store)), base_url="http://traces") as client:
        yield client
    store.close()


async def _send(page: AsyncClient, *spans: SpanSpec) -> None:
    body = gzip.compress(request(*spans).SerializeToString())
    headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
    response = await page.post("/v1/traces", content=body, headers=headers)
    assert response.status_code == 200, response.text


async def _search(page: AsyncClient, query: str) -> list[str]:
    return [
        trace["trace_id"] for trace in (await page.get(f"/api/traces?{query}")).json()["traces"]
    ]


@pytest.mark.parametrize(
    "query",
    [
        "session_id=S1",
        "attribute=proctorium.session_id%3DS1",
        "service=enrollment",
        "name=resolve",
        "error=1",
        "min_ms=30",
        "service=session&name=JoinSession",
    ],
)
async def test_trace_is_found_by_properties_of_any_span(page: AsyncClient, query: str) -> None:
    await _send(page, *JOIN, RETRY)
    assert await _search(page, query) == [trace_id(1)]


@pytest.mark.parametrize(
    "query",
    ["session_id=S2", "service=session&name=BatchResolveCodes", "max_ms=1", "service=portal"],
)
async def test_trace_is_not_found_by_properties_that_no_span_has(
    page: AsyncClient, query: str
) -> None:
    await _send(page, *JOIN, RETRY)
    assert await _search(page, query) == []


async def test_spans_of_several_batches_and_duplicates_form_one_trace(
    page: AsyncClient,
) -> None:
    await _send(page, *JOIN[1:])
    await _send(page, *JOIN[:2])
    summary = (await page.get("/api/traces")).json()["traces"][0]
    assert (summary["spans"], summary["errors"], summary["root"]) == (
        3,
        1,
        {"service": "edge", "name": "POST"},
    )
    assert summary["services"] == ["edge", "enrollment", "session"]


async def test_trace_lists_links_from_other_traces(page: AsyncClient) -> None:
    await _send(page, *JOIN, RETRY)
    trace = (await page.get(f"/api/traces/{trace_id(1)}")).json()
    assert [span["name"] for span in trace["spans"]] == [span.name for span in JOIN]
    assert trace["linked_from"] == [
        {"linked_span_id": span_id(3), "trace_id": trace_id(2), "span_id": span_id(9)}
    ]


async def test_limited_search_says_so_and_links_to_more(page: AsyncClient) -> None:
    await _send(
        page, *(SpanSpec("edge", "POST", number, 1, 1, trace=number) for number in range(1, 61))
    )
    limited = (await page.get("/?service=edge")).text
    assert "The newest 50 that match" in limited
    assert "service=edge&amp;limit=200" in limited
    complete = (await page.get("/?service=edge&limit=200")).text
    assert "60 traces." in complete
    assert [
        (await page.get(f"/api/traces?limit={limit}")).json()["more"] for limit in (59, 60)
    ] == [
        True,
        False,
    ]


async def test_trace_opens_by_its_id_or_a_traceparent(page: AsyncClient) -> None:
    for text in (trace_id(1), f" {trace_id(1).upper()} ", f"00-{trace_id(1)}-{span_id(1)}-01"):
        response = await page.get("/", params={"id": text})
        assert (response.status_code, response.headers["location"]) == (
            303,
            f"/traces/{trace_id(1)}",
        )


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("id=abc", "“abc” is not a trace id. A trace id has 32 digits"),
        ("id=" + "x" * 32, "is not a trace id"),
        ("attribute=S1", "“S1” is not an attribute"),
        ("min_ms=soon", "min_ms must be a number, not “soon”."),
        ("min_ms=nan", "min_ms must be a number"),
    ],
)
async def test_invalid_search_shows_an_error(page: AsyncClient, query: str, sentence: str) -> None:
    response = await page.get(f"/?{query}")
    assert response.status_code == 400
    assert sentence in response.text


async def test_malformed_id_in_the_url_shows_an_error(page: AsyncClient) -> None:
    response = await page.get("/traces/abc")
    assert response.status_code == 404
    assert "This is not a trace id" in response.text


async def test_durations_are_placed_where_there_is_space(page: AsyncClient) -> None:
    late = SpanSpec("notification", "late", 38, 2, 4, 1)
    await _send(page, *JOIN, late)
    html = (await page.get(f"/traces/{trace_id(1)}")).text
    labels = re.findall(r'<b class="(\w+)" style="(\w+):([\d.]+)%">', html)
    assert labels == [
        ("inside", "right", "0.0"),
        ("inside", "right", "7.5"),
        ("after", "left", "50.0"),
        ("before", "right", "5.0"),
    ]


async def test_names_are_escaped_in_pages(page: AsyncClient) -> None:
    await _send(page, SpanSpec("edge", "<script>alert(1)</script>", 0, 1, 1))
    for address in ("/", f"/traces/{trace_id(1)}"):
        html = (await page.get(address)).text
        assert "&lt;script&gt;alert(1)" in html
        assert "<script>alert(1)" not in html


async def test_body_that_is_not_otlp_is_refused(page: AsyncClient) -> None:
    protobuf = {"content-type": "application/x-protobuf"}
    assert (
        await page.post("/v1/traces", content=b"{}", headers={"content-type": "application/json"})
    ).status_code == 415
    assert (await page.post("/v1/traces", content=b"\xff\xff", headers=protobuf)).status_code == 400
    assert (await page.post("/v1/metrics", content=b"", headers=protobuf)).status_code == 200


def test_oldest_traces_are_deleted_above_the_limit(tmp_path: Path) -> None:
    from proctorium_devstack.traces.span import spans_of

    store = TraceStore(tmp_path / "traces.sqlite", max_spans=100)
    for number in range(1, 151):
        store.add(list(spans_of(request(SpanSpec("edge", "POST", number, 1, 1, trace=number)))))
    assert 80 <= sum(bool(store.trace(trace_id(number))) for number in range(1, 151)) <= 100
    assert store.trace(trace_id(150))
    store.close()
