"""A trace as it is drawn: where each bar begins and how long it is, as parts of the whole."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from proctorium_common.topology import services
from proctorium_devstack.traces.span import Link, Span, SpanEvent
from proctorium_devstack.traces.store import LinkFrom, waterfall_order

_TICKS = 5
_COLOURS = 10
# Percent of the line: where a bar must end, or begin, so that its label has room.
_ROOM_AFTER, _ROOM_BEFORE = 88, 12
_KNOWN = {name: number for number, name in enumerate(("edge", *services()))}


@dataclass(frozen=True)
class EventMark:
    """An event of a span and where it is on its line, in percent."""

    event: SpanEvent
    left: float
    after_ms: float


@dataclass(frozen=True)
class Label:
    """Where the length of a span is written: `at` percent from one `side` of the line, beside the bar or within it."""

    place: Literal["before", "after", "within"]
    side: Literal["left", "right"]
    at: float


@dataclass(frozen=True)
class Bar:
    """A span on its line; `left` and `width` are percent of the trace. `children` counts the lines below that belong to it."""

    span: Span
    depth: int
    left: float
    width: float
    after_ms: float
    children: int
    moments: Sequence[EventMark]
    linked_from: Sequence[LinkFrom]

    @property
    def label(self) -> Label:
        """After the bar where there is room, else before it; a bar that leaves none on either side carries it."""
        end = self.left + self.width
        if end <= _ROOM_AFTER:
            return Label("after", "left", round(end, 3))
        if self.left >= _ROOM_BEFORE:
            return Label("before", "right", round(100 - self.left, 3))
        return Label("within", "right", round(max(100 - end, 0), 3))

    @property
    def links(self) -> Sequence[Link]:
        """The spans that it points to."""
        return self.span.links


@dataclass(frozen=True)
class Waterfall:
    """A whole trace, ready to be drawn."""

    trace_id: str
    start_ns: int
    duration_ms: float
    bars: Sequence[Bar]
    ticks: Sequence[float]
    services: Mapping[str, int]
    """How many spans each service has."""
    errors: int


def waterfall(spans: Sequence[Span], links: Iterable[LinkFrom]) -> Waterfall:
    """Draw the spans of one trace."""
    start = min(span.start_ns for span in spans)
    whole = max(max(span.end_ns for span in spans) - start, 1)
    incoming: dict[str, list[LinkFrom]] = {}
    for link in links:
        incoming.setdefault(link.linked_span_id, []).append(link)
    lines = waterfall_order(spans)
    bars = [
        _bar(span, depth, start, whole, _below(lines, number), incoming.get(span.span_id, ()))
        for number, (span, depth) in enumerate(lines)
    ]
    services: dict[str, int] = {}
    for span in spans:
        services[span.service] = services.get(span.service, 0) + 1
    return Waterfall(
        trace_id=spans[0].trace_id,
        start_ns=start,
        duration_ms=whole / 1e6,
        bars=bars,
        ticks=[whole / 1e6 * tick / _TICKS for tick in range(_TICKS + 1)],
        services=services,
        errors=sum(span.error for span in spans),
    )


def colour_of(service: str) -> int:
    """The number of a service's colour: fixed for ours, by name for others."""
    return _KNOWN.get(service, zlib.crc32(service.encode())) % _COLOURS


def _bar(
    span: Span, depth: int, start: int, whole: int, below: int, linked_from: Sequence[LinkFrom]
) -> Bar:
    def percent(time_ns: int) -> float:
        return round((time_ns - start) / whole * 100, 3)

    return Bar(
        span=span,
        depth=depth,
        left=percent(span.start_ns),
        width=round((span.end_ns - span.start_ns) / whole * 100, 3),
        after_ms=(span.start_ns - start) / 1e6,
        children=below,
        moments=[
            EventMark(event, percent(event.time_ns), (event.time_ns - span.start_ns) / 1e6)
            for event in span.events
        ],
        linked_from=linked_from,
    )


def _below(lines: Sequence[tuple[Span, int]], number: int) -> int:
    depth = lines[number][1]
    count = 0
    for _, deeper in lines[number + 1 :]:
        if deeper <= depth:
            break
        count += 1
    return count
