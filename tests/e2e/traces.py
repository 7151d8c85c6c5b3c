"""Read traces from the trace viewer as trees of spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import httpx2


@dataclass
class TraceSpan:
    """A span with its children, which are sorted by `start`; `start` is in seconds since 1970."""

    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    start: float
    milliseconds: float
    failed: bool
    attributes: Mapping[str, object]
    links: tuple[str, ...]
    children: list[TraceSpan] = field(default_factory=list)

    def walk(self) -> Iterator[TraceSpan]:
        """Yield this span and all its descendants."""
        yield self
        for child in self.children:
            yield from child.walk()


class Traces:
    """A client of the trace viewer at `url`."""

    def __init__(self, url: str) -> None:
        self._http = httpx2.AsyncClient(base_url=url, timeout=30)

    async def tree(self, trace_id: str) -> list[TraceSpan]:
        """Return the root spans of a trace, with all spans that the viewer has received so far.

        A span is a root if the viewer does not have its parent. The list is empty if the viewer has no such trace.
        """
        answer = await self._http.get(f"/api/traces/{trace_id}")
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        return build_trees(answer.json()["spans"])

    async def found_by(self, name: str, value: str) -> list[str]:
        """Return the ids of the traces in which a span has the attribute `name`, such as session_id, with `value`."""
        answer = await self._http.get("/api/traces", params={name: value, "limit": 1000})
        answer.raise_for_status()
        return [str(one["trace_id"]) for one in answer.json()["traces"]]

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()


def build_trees(rows: list[Mapping[str, object]]) -> list[TraceSpan]:
    """Build trees from the spans that the trace viewer lists; return the roots of the trees."""
    spans = {span.span_id: span for span in map(_span, rows)}
    roots: list[TraceSpan] = []
    for span in sorted(spans.values(), key=lambda one: one.start):
        parent = spans.get(span.parent_id)
        (roots if parent is None else parent.children).append(span)
    return roots


def without_infrastructure(spans: Sequence[TraceSpan]) -> list[TraceSpan]:
    """Return the trees without the spans of the edge and the databases; children of these spans move one level up."""
    spans_left: list[TraceSpan] = []
    for span in spans:
        below = without_infrastructure(span.children)
        if span.service == "edge" or "db.system.name" in span.attributes:
            spans_left.extend(below)
        else:
            spans_left.append(replace(span, children=below))
    return spans_left


def format_tree(spans: Sequence[TraceSpan], depth: int = 0) -> list[str]:
    """Return trees of spans as lines of text. Similar neighbouring spans share one line, which shows their number."""
    lines: list[str] = []
    index = 0
    while index < len(spans):
        first = spans[index]
        alike = 1
        while index + alike < len(spans) and _alike(first, spans[index + alike]):
            alike += 1
        times = f"  ×{alike}" if alike > 1 else ""
        mark = {"producer": "↗ ", "consumer": "↘ "}.get(first.kind, "")
        name = first.name.removeprefix("proctorium.")
        lines.append(
            f"{'  ' * depth}{mark}{first.service}: {name}  {first.milliseconds:.1f} ms{times}"
        )
        lines.extend(format_tree(first.children, depth + 1))
        index += alike
    return lines


def _alike(one: TraceSpan, other: TraceSpan) -> bool:
    return _shape(one) == _shape(other)


def _shape(one: TraceSpan) -> tuple[str, str, tuple[object, ...]]:
    return one.service, one.name, tuple(_shape(child) for child in one.children)


def _span(row: Mapping[str, object]) -> TraceSpan:
    attributes = row["attributes"]
    links = row["links"]
    assert isinstance(attributes, Mapping)
    assert isinstance(links, list)
    return TraceSpan(
        span_id=str(row["span_id"]),
        parent_id=str(row["parent_id"] or ""),
        service=str(row["service"]),
        name=str(row["name"]),
        kind=str(row["kind"]),
        start=float(str(row["start_ns"])) / 1e9,
        milliseconds=float(str(row["duration_ms"])),
        failed=bool(row["error"]),
        attributes=attributes,
        links=tuple(str(link["trace_id"]) for link in links),
    )
