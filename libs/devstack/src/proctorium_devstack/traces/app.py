"""The receiver, the page and the JSON.

- `POST /v1/traces`, `/v1/metrics`, `/v1/logs`: OTLP over HTTP in protobuf. Traces are kept, the others are thanked for.
- `GET /api/traces?service=&name=&session_id=&person_id=&attempt_id=&attribute=key%3Dvalue&error=1&min_ms=&max_ms=&since=&limit=`:
  newest first, and whether there are `more`. Any parameter that ends in `_id` asks for the attribute
  `proctorium.<parameter>`.
- `GET /api/traces/{trace_id}`: its spans by their start, and who points to it from elsewhere. `GET /api/services`.
- `DELETE /api/traces`: forget all.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from math import isfinite, nan
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from proctorium_devstack.traces.receiver import receiver
from proctorium_devstack.traces.span import Span
from proctorium_devstack.traces.store import TraceQuery, TraceStore, TraceSummary
from proctorium_devstack.traces.waterfall import colour_of, waterfall

PAGES = Path(__file__).resolve().parent.parent / "pages"
_FOUND_AT_FIRST, _MOST_FOUND = 50, 1000
_PACKAGE = re.compile(r"/?\bproctorium\.[a-z]+\.v1\.")
_ID_SUFFIX = "_id"
# Alone, or inside of a W3C traceparent.
_TRACE_ID = re.compile(r"(?:[0-9a-f]{2}-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?")


def web(store: TraceStore) -> Starlette:
    """The whole application."""
    pages, interface = _Pages(store), _Interface(store)
    return Starlette(
        routes=[
            *receiver(store),
            Route("/", pages.listing),
            Route("/traces/{trace_id}", pages.drawing),
            Route("/api/traces", interface.listing),
            Route("/api/traces", interface.clear, methods=["DELETE"]),
            Route("/api/traces/{trace_id}", interface.one),
            Route("/api/services", interface.services),
            Route("/healthz", interface.health),
            Mount("/static", StaticFiles(directory=PAGES / "static")),
        ]
    )


class _Pages:
    """What people see."""

    def __init__(self, store: TraceStore) -> None:
        self._store = store
        self._pages = Jinja2Templates(directory=PAGES)
        self._pages.env.filters |= {"moment": _moment, "span_time": _span_time, "short": _short}
        self._pages.env.globals["colour_of"] = colour_of

    async def listing(self, request: Request) -> Response:
        """The search, or the trace itself when its whole id was typed."""
        asked = request.query_params
        try:
            if typed := asked.get("id", "").strip():
                return RedirectResponse(f"/traces/{trace_id_in(typed)}", 303)
            wanted, wrong = parse_query(asked), ""
            found, more = await asyncio.to_thread(_search, self._store, wanted)
        except HTTPException as refused:
            wrong, found, more = refused.detail, [], False
        shown = {
            "traces": found,
            "more": more and request.url.include_query_params(limit=_next_limit(len(found))),
            "most": _MOST_FOUND,
            "wrong": wrong,
            "services": await asyncio.to_thread(self._store.services),
            "query": asked,
            "longest": max((trace.duration_ms for trace in found), default=0.0),
        }
        return self._pages.TemplateResponse(
            request, "traces.html", shown, status_code=400 if wrong else 200
        )

    async def drawing(self, request: Request) -> Response:
        """The waterfall of one trace."""
        trace_id = request.path_params["trace_id"].lower()
        spans = await asyncio.to_thread(self._store.trace, trace_id)
        if not spans:
            shown = {"trace_id": trace_id, "wrong": "" if _TRACE_ID.fullmatch(trace_id) else _NO_ID}
            return self._pages.TemplateResponse(request, "no_trace.html", shown, status_code=404)
        links = await asyncio.to_thread(self._store.links_to, trace_id)
        return self._pages.TemplateResponse(
            request, "trace.html", {"waterfall": waterfall(spans, links)}
        )


class _Interface:
    """What programs see."""

    def __init__(self, store: TraceStore) -> None:
        self._store = store

    async def listing(self, request: Request) -> Response:
        """The traces that match."""
        found, more = await asyncio.to_thread(
            _search, self._store, parse_query(request.query_params)
        )
        return JSONResponse({"traces": [_summary_json(trace) for trace in found], "more": more})

    async def one(self, request: Request) -> Response:
        """All of one trace."""
        trace_id = request.path_params["trace_id"]
        spans = await asyncio.to_thread(self._store.trace, trace_id)
        if not spans:
            raise HTTPException(404, "There is no such trace; the oldest ones are forgotten.")
        links = await asyncio.to_thread(self._store.links_to, trace_id)
        return JSONResponse(
            {
                "trace_id": trace_id,
                "spans": [_span_json(span) for span in spans],
                "linked_from": [asdict(link) for link in links],
            }
        )

    async def services(self, _: Request) -> Response:
        """Who was heard of."""
        return JSONResponse({"services": await asyncio.to_thread(self._store.services)})

    async def clear(self, _: Request) -> Response:
        """Forget all."""
        await asyncio.to_thread(self._store.clear)
        return Response(status_code=204)

    async def health(self, _: Request) -> Response:
        """Ready when it answers."""
        return PlainTextResponse("ok")


_NO_ID = "A trace id has 32 digits, 0 to 9 and a to f."


def trace_id_in(typed: str) -> str:
    """The trace id in what was typed: it alone, or a traceparent. HTTP 400 where there is none."""
    found = _TRACE_ID.fullmatch(typed.lower())
    if found is None:
        raise HTTPException(400, f"“{typed}” is no trace id. {_NO_ID}")
    return found[1]


def _search(store: TraceStore, wanted: TraceQuery) -> tuple[list[TraceSummary], bool]:
    """What was found within the limit, and whether there is more."""
    found = store.search(replace(wanted, limit=wanted.limit + 1))
    return found[: wanted.limit], len(found) > wanted.limit


def _next_limit(shown: int) -> int:
    return min(shown * 4, _MOST_FOUND)


def parse_query(asked: QueryParams) -> TraceQuery:
    """What the parameters of the page or the JSON ask for. HTTP 400 for what makes no sense."""
    attributes = [(f"proctorium.{name}", value.strip()) for name, value in asked.items()
                  if name.endswith(_ID_SUFFIX) and value.strip()]  # fmt: skip
    for pair in asked.getlist("attribute"):
        name, found, value = pair.partition("=")
        if found:
            attributes.append((name.strip(), value.strip()))
        elif pair.strip():
            raise HTTPException(400, f"“{pair}” is no attribute: write key=value.")
    return TraceQuery(
        service=asked.get("service", ""),
        name=asked.get("name", "").strip(),
        attributes=tuple(attributes),
        error=asked.get("error", "") not in {"", "0", "false"},
        min_duration_ms=_number(asked, "min_ms"),
        max_duration_ms=_number(asked, "max_ms"),
        since_ns=_since(asked),
        limit=_limit(asked),
    )


def _number(asked: QueryParams, name: str) -> float | None:
    text = asked.get(name, "").strip()
    try:
        number = float(text) if text else None
    except ValueError:
        number = nan
    if number is not None and not isfinite(number):
        raise HTTPException(400, f"{name} is a number, not “{text}”.")
    return number


def _limit(asked: QueryParams) -> int:
    limit = _number(asked, "limit")
    return _FOUND_AT_FIRST if limit is None else max(1, min(int(limit), _MOST_FOUND))


def _since(asked: QueryParams) -> int | None:
    text = asked.get("since", "").strip()
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1e9) if text else None
    except ValueError:
        raise HTTPException(400, "since is a time such as 2026-01-31T09:00:00Z") from None


def _summary_json(trace: TraceSummary) -> Mapping[str, object]:
    return {
        "trace_id": trace.trace_id,
        "start_time": _iso(trace.start_ns),
        "duration_ms": trace.duration_ms,
        "root": {"service": trace.root_service, "name": trace.root_name},
        "services": trace.services,
        "spans": trace.spans,
        "errors": trace.errors,
    }


def _span_json(span: Span) -> Mapping[str, object]:
    return {**asdict(span), "start_time": _iso(span.start_ns), "duration_ms": span.duration_ms}


def _iso(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat()


def _moment(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%d %b %H:%M:%S.%f")[:-3]


def _short(name: str) -> str:
    """A span's name without the package of its method, which the service says already."""
    return _PACKAGE.sub("", name)


def _span_time(milliseconds: float) -> str:
    """A duration as people read it: three digits and a unit."""
    if milliseconds < 1:
        return f"{milliseconds * 1000:.0f} µs"
    if milliseconds < 1000:
        return f"{milliseconds:.3g} ms"
    if milliseconds < 120_000:
        return f"{milliseconds / 1000:.3g} s"
    return f"{milliseconds / 60_000:.3g} min"
