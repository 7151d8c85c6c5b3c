"""The web application of the trace page. It has an OTLP receiver, pages and a JSON API.

- `POST /v1/traces`, `/v1/metrics`, `/v1/logs`: OTLP over HTTP in protobuf. Traces and the newest metrics are stored.
  Logs are discarded.
- `GET /metrics`: the newest metrics of each process in Prometheus's exposition format.
- `GET /api/traces?service=&name=&attribute=key%3Dvalue&error=1&min_ms=&max_ms=&since=&limit=`: the matching traces,
  newest first. `more` is true if the number of matching traces exceeds the limit. A parameter whose name ends in `_id`,
  such as `session_id`, `person_id` or `attempt_id`, searches for the attribute `proctorium.<name>`.
- `GET /api/traces/{trace_id}`: the spans of a trace, ordered by start time, and the links from spans of other traces.
- `GET /api/services`: the names of all services.
- `DELETE /api/traces`: delete all traces.
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

from proctorium_devstack.traces.metrics import MetricStore
from proctorium_devstack.traces.receiver import receiver
from proctorium_devstack.traces.span import Span
from proctorium_devstack.traces.store import TraceQuery, TraceStore, TraceSummary
from proctorium_devstack.traces.waterfall import colour_of, waterfall

PAGES = Path(__file__).resolve().parent.parent / "pages"
_DEFAULT_LIMIT, _MAX_LIMIT = 50, 1000
_PACKAGE = re.compile(r"/?\bproctorium\.[a-z]+\.v1\.")
_ID_SUFFIX = "_id"
# A text that is a trace id, or a W3C traceparent, which contains a trace id.
_TRACE_ID = re.compile(r"(?:[0-9a-f]{2}-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?")


def web(store: TraceStore) -> Starlette:
    """Return the web application."""
    pages, api, newest = _Pages(store), _Api(store), MetricStore()

    async def metrics(_: Request) -> Response:
        return PlainTextResponse(newest.text(), media_type="text/plain; version=0.0.4")

    return Starlette(
        routes=[
            *receiver(store, newest),
            Route("/metrics", metrics),
            Route("/", pages.search),
            Route("/traces/{trace_id}", pages.trace),
            Route("/api/traces", api.search),
            Route("/api/traces", api.clear, methods=["DELETE"]),
            Route("/api/traces/{trace_id}", api.trace),
            Route("/api/services", api.services),
            Route("/healthz", api.health),
            Mount("/static", StaticFiles(directory=PAGES / "static")),
        ]
    )


class _Pages:
    """The handlers of the pages."""

    def __init__(self, store: TraceStore) -> None:
        self._store = store
        self._pages = Jinja2Templates(directory=PAGES)
        self._pages.env.filters |= {
            "date_time": _date_time,
            "span_time": _span_time,
            "short": _short,
        }
        self._pages.env.globals["colour_of"] = colour_of

    async def search(self, request: Request) -> Response:
        """Show the search form and the matching traces. If the person entered a trace id, redirect to this trace."""
        parameters = request.query_params
        try:
            if entered := parameters.get("id", "").strip():
                return RedirectResponse(f"/traces/{trace_id_in(entered)}", 303)
            query, error = parse_query(parameters), ""
            found, more = await asyncio.to_thread(_search, self._store, query)
        except HTTPException as invalid:
            error, found, more = invalid.detail, [], False
        context = {
            "traces": found,
            "more": more and request.url.include_query_params(limit=_next_limit(len(found))),
            "max": _MAX_LIMIT,
            "error": error,
            "services": await asyncio.to_thread(self._store.services),
            "query": parameters,
            "longest": max((trace.duration_ms for trace in found), default=0.0),
        }
        return self._pages.TemplateResponse(
            request, "traces.html", context, status_code=400 if error else 200
        )

    async def trace(self, request: Request) -> Response:
        """Show the waterfall of a trace."""
        trace_id = request.path_params["trace_id"].lower()
        spans = await asyncio.to_thread(self._store.trace, trace_id)
        if not spans:
            error = "" if _TRACE_ID.fullmatch(trace_id) else _TRACE_ID_FORMAT
            context = {"trace_id": trace_id, "error": error}
            return self._pages.TemplateResponse(request, "no_trace.html", context, status_code=404)
        links = await asyncio.to_thread(self._store.links_to, trace_id)
        return self._pages.TemplateResponse(
            request, "trace.html", {"waterfall": waterfall(spans, links)}
        )


class _Api:
    """The handlers of the JSON API and the health check."""

    def __init__(self, store: TraceStore) -> None:
        self._store = store

    async def search(self, request: Request) -> Response:
        """Return the summaries of the matching traces."""
        found, more = await asyncio.to_thread(
            _search, self._store, parse_query(request.query_params)
        )
        return JSONResponse({"traces": [_summary_json(trace) for trace in found], "more": more})

    async def trace(self, request: Request) -> Response:
        """Return the spans of a trace."""
        trace_id = request.path_params["trace_id"]
        spans = await asyncio.to_thread(self._store.trace, trace_id)
        if not spans:
            raise HTTPException(404, "There is no such trace; the oldest ones are deleted.")
        links = await asyncio.to_thread(self._store.links_to, trace_id)
        return JSONResponse(
            {
                "trace_id": trace_id,
                "spans": [_span_json(span) for span in spans],
                "linked_from": [asdict(link) for link in links],
            }
        )

    async def services(self, _: Request) -> Response:
        """Return the names of all services."""
        return JSONResponse({"services": await asyncio.to_thread(self._store.services)})

    async def clear(self, _: Request) -> Response:
        """Delete all traces."""
        await asyncio.to_thread(self._store.clear)
        return Response(status_code=204)

    async def health(self, _: Request) -> Response:
        """Respond to the health check with the HTTP status 200."""
        return PlainTextResponse("ok")


_TRACE_ID_FORMAT = "A trace id has 32 digits, 0 to 9 and a to f."


def trace_id_in(text: str) -> str:
    """Return the trace id in `text`, which is a trace id or a traceparent. Raises HTTPException 400 for other texts."""
    found = _TRACE_ID.fullmatch(text.lower())
    if found is None:
        raise HTTPException(400, f"“{text}” is not a trace id. {_TRACE_ID_FORMAT}")
    return found[1]


def _search(store: TraceStore, query: TraceQuery) -> tuple[list[TraceSummary], bool]:
    """Return the matching traces up to the limit, and whether the number of matching traces exceeds the limit."""
    found = store.search(replace(query, limit=query.limit + 1))
    return found[: query.limit], len(found) > query.limit


def _next_limit(shown: int) -> int:
    return min(shown * 4, _MAX_LIMIT)


def parse_query(parameters: QueryParams) -> TraceQuery:
    """Parse the parameters of the page or the API. Raises HTTPException 400 if a parameter is not valid."""
    attributes = [(f"proctorium.{name}", value.strip()) for name, value in parameters.items()
                  if name.endswith(_ID_SUFFIX) and value.strip()]  # fmt: skip
    for pair in parameters.getlist("attribute"):
        name, found, value = pair.partition("=")
        if found:
            attributes.append((name.strip(), value.strip()))
        elif pair.strip():
            raise HTTPException(400, f"“{pair}” is not an attribute. Write key=value.")
    return TraceQuery(
        service=parameters.get("service", ""),
        name=parameters.get("name", "").strip(),
        attributes=tuple(attributes),
        error=parameters.get("error", "") not in {"", "0", "false"},
        min_duration_ms=_number(parameters, "min_ms"),
        max_duration_ms=_number(parameters, "max_ms"),
        since_ns=_since(parameters),
        limit=_limit(parameters),
    )


def _number(parameters: QueryParams, name: str) -> float | None:
    text = parameters.get(name, "").strip()
    try:
        number = float(text) if text else None
    except ValueError:
        number = nan
    if number is not None and not isfinite(number):
        raise HTTPException(400, f"{name} must be a number, not “{text}”.")
    return number


def _limit(parameters: QueryParams) -> int:
    limit = _number(parameters, "limit")
    return _DEFAULT_LIMIT if limit is None else max(1, min(int(limit), _MAX_LIMIT))


def _since(parameters: QueryParams) -> int | None:
    text = parameters.get("since", "").strip()
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1e9) if text else None
    except ValueError:
        raise HTTPException(400, "since must be a time such as 2026-01-31T09:00:00Z") from None


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


def _date_time(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%d %b %H:%M:%S.%f")[:-3]


def _short(name: str) -> str:
    """Return a span's name without the package of the called method.

    The package is not needed, because the page shows the service beside the name.
    """
    return _PACKAGE.sub("", name)


def _span_time(milliseconds: float) -> str:
    """Return a duration with three significant digits and a unit."""
    if milliseconds < 1:
        return f"{milliseconds * 1000:.0f} µs"
    if milliseconds < 1000:
        return f"{milliseconds:.3g} ms"
    if milliseconds < 120_000:
        return f"{milliseconds / 1000:.3g} s"
    return f"{milliseconds / 60_000:.3g} min"
