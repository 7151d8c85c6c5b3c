"""The trace page: what exporters send is found again, and drawn."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient

from proctorium_devstack.testing.otlp import Work, request, span_id, trace_id
from proctorium_devstack.traces.app import web
from proctorium_devstack.traces.store import TraceStore

JOIN = (
    Work("edge", "POST", 0, 40, 1, kind="server"),
    Work(
        "session",
        "LobbyService/JoinSession",
        2,
        35,
        2,
        1,
        "server",
        attributes={"proctorium.session_id": "S1"},
    ),
    Work(
        "enrollment", "CodeService/BatchResolveCodes", 8, 12, 3, 2, "server", error="CODE_EXPIRED"
    ),
)
RETRY = Work(
    "notification", "process code.issued", 900, 5, 9, trace=2, kind="consumer", links=((1, 3),)
)


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[AsyncClient]:
    store = TraceStore(tmp_path / "traces.sqlite")
    async with AsyncClient(transport=ASGITransport(web(store)), base_url="http://traces") as client:
        yield client
    store.close()


async def _send(page: AsyncClient, *works: Work) -> None:
    body = gzip.compress(request(*works).SerializeToString())
    headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
    answer = await page.post("/v1/traces", content=body, headers=headers)
    assert answer.status_code == 200, answer.text


async def _found(page: AsyncClient, query: str) -> list[str]:
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
async def test_a_trace_is_found_by_what_any_of_its_spans_has(page: AsyncClient, query: str) -> None:
    await _send(page, *JOIN, RETRY)
    assert await _found(page, query) == [trace_id(1)]


@pytest.mark.parametrize(
    "query",
    ["session_id=S2", "service=session&name=BatchResolveCodes", "max_ms=1", "service=portal"],
)
async def test_a_trace_is_not_found_by_what_none_of_its_spans_has(
    page: AsyncClient, query: str
) -> None:
    await _send(page, *JOIN, RETRY)
    assert await _found(page, query) == []


async def test_spans_that_come_in_several_batches_and_twice_make_one_trace(
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


async def test_a_trace_says_who_points_to_it(page: AsyncClient) -> None:
    await _send(page, *JOIN, RETRY)
    trace = (await page.get(f"/api/traces/{trace_id(1)}")).json()
    assert [span["name"] for span in trace["spans"]] == [work.name for work in JOIN]
    assert trace["linked_from"] == [
        {"linked_span_id": span_id(3), "trace_id": trace_id(2), "span_id": span_id(9)}
    ]


async def test_a_search_that_stops_says_so_and_leads_to_more(page: AsyncClient) -> None:
    await _send(
        page, *(Work("edge", "POST", number, 1, 1, trace=number) for number in range(1, 61))
    )
    first = (await page.get("/?service=edge")).text
    assert "The newest 50 that match" in first
    assert "service=edge&amp;limit=200" in first
    everything = (await page.get("/?service=edge&limit=200")).text
    assert "60 traces." in everything
    assert [
        (await page.get(f"/api/traces?limit={limit}")).json()["more"] for limit in (59, 60)
    ] == [
        True,
        False,
    ]


async def test_a_trace_is_opened_by_its_id_or_a_traceparent(page: AsyncClient) -> None:
    for typed in (trace_id(1), f" {trace_id(1).upper()} ", f"00-{trace_id(1)}-{span_id(1)}-01"):
        answer = await page.get("/", params={"id": typed})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/traces/{trace_id(1)}")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("id=abc", "“abc” is no trace id. A trace id has 32 digits"),
        ("id=" + "x" * 32, "is no trace id"),
        ("attribute=S1", "“S1” is no attribute"),
        ("min_ms=soon", "min_ms is a number, not “soon”."),
        ("min_ms=nan", "min_ms is a number"),
    ],
)
async def test_what_cannot_be_searched_for_is_said(
    page: AsyncClient, query: str, sentence: str
) -> None:
    answer = await page.get(f"/?{query}")
    assert answer.status_code == 400
    assert sentence in answer.text


async def test_a_malformed_id_in_an_address_is_said(page: AsyncClient) -> None:
    answer = await page.get("/traces/abc")
    assert answer.status_code == 404
    assert "This is no trace id" in answer.text


async def test_every_length_stands_where_it_can_be_read(page: AsyncClient) -> None:
    late = Work("notification", "late", 38, 2, 4, 1)
    await _send(page, *JOIN, late)
    shown = (await page.get(f"/traces/{trace_id(1)}")).text
    labels = re.findall(r'<b class="(\w+)" style="(\w+):([\d.]+)%">', shown)
    assert labels == [
        ("within", "right", "0.0"),
        ("within", "right", "7.5"),
        ("after", "left", "50.0"),
        ("before", "right", "5.0"),
    ]


async def test_pages_show_names_as_text(page: AsyncClient) -> None:
    await _send(page, Work("edge", "<script>alert(1)</script>", 0, 1, 1))
    for address in ("/", f"/traces/{trace_id(1)}"):
        shown = (await page.get(address)).text
        assert "&lt;script&gt;alert(1)" in shown
        assert "<script>alert(1)" not in shown


async def test_what_is_no_otlp_is_refused(page: AsyncClient) -> None:
    protobuf = {"content-type": "application/x-protobuf"}
    assert (
        await page.post("/v1/traces", content=b"{}", headers={"content-type": "application/json"})
    ).status_code == 415
    assert (await page.post("/v1/traces", content=b"\xff\xff", headers=protobuf)).status_code == 400
    assert (await page.post("/v1/metrics", content=b"", headers=protobuf)).status_code == 200


def test_the_oldest_traces_go_when_there_are_too_many(tmp_path: Path) -> None:
    from proctorium_devstack.traces.span import spans_of

    store = TraceStore(tmp_path / "traces.sqlite", most_spans=100)
    for number in range(1, 151):
        store.add(list(spans_of(request(Work("edge", "POST", number, 1, 1, trace=number)))))
    assert 80 <= sum(bool(store.trace(trace_id(number))) for number in range(1, 151)) <= 100
    assert store.trace(trace_id(150))
    store.close()
