"""The layout of a trace's waterfall. The position and the length of each bar are in percent of the trace's duration."""

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
# There is space for a label after a bar if the bar ends before _LAST_END percent of the line. There is space for a
# label before a bar if the bar starts after _FIRST_START percent of the line.
_LAST_END, _FIRST_START = 88, 12
_COLOUR_NUMBERS = {name: number for number, name in enumerate(("edge", *services()))}


@dataclass(frozen=True)
class EventMark:
    """An event of a span, with the event's position on the line in percent of the trace's duration."""

    event: SpanEvent
    left: float
    after_ms: float


@dataclass(frozen=True)
class Label:
    """The position of the text that shows a span's duration, beside or inside the span's bar.

    `offset` is the distance of the text from the left or right end of the line (`side`), in percent of the line.
    """

    position: Literal["before", "after", "inside"]
    side: Literal["left", "right"]
    offset: float


@dataclass(frozen=True)
class Bar:
    """The bar of a span. `left` and `width` are in percent of the trace's duration.

    `descendants` is the number of direct and indirect children of the span.
    """

    span: Span
    depth: int
    left: float
    width: float
    after_ms: float
    descendants: int
    events: Sequence[EventMark]
    linked_from: Sequence[LinkFrom]

    @property
    def label(self) -> Label:
        """The position of the text that shows the duration.

        The text is after the bar. If there is no space after the bar, the text is before the bar. If there is no space
        before the bar either, the text is inside the bar.
        """
        end = self.left + self.width
        if end <= _LAST_END:
            return Label("after", "left", round(end, 3))
        if self.left >= _FIRST_START:
            return Label("before", "right", round(100 - self.left, 3))
        return Label("inside", "right", round(max(100 - end, 0), 3))

    @property
    def links(self) -> Sequence[Link]:
        """The links from this span to other spans."""
        return self.span.links


@dataclass(frozen=True)
class Waterfall:
    """The layout of a trace."""

    trace_id: str
    start_ns: int
    duration_ms: float
    bars: Sequence[Bar]
    ticks: Sequence[float]
    services: Mapping[str, int]
    """The number of spans, by service."""
    errors: int


def waterfall(spans: Sequence[Span], links: Iterable[LinkFrom]) -> Waterfall:
    """Return the layout of the spans of one trace."""
    start = min(span.start_ns for span in spans)
    duration = max(max(span.end_ns for span in spans) - start, 1)
    incoming: dict[str, list[LinkFrom]] = {}
    for link in links:
        incoming.setdefault(link.linked_span_id, []).append(link)
    lines = waterfall_order(spans)
    bars = [
        _bar(
            span,
            depth,
            start,
            duration,
            _descendants(lines, number),
            incoming.get(span.span_id, ()),
        )
        for number, (span, depth) in enumerate(lines)
    ]
    services: dict[str, int] = {}
    for span in spans:
        services[span.service] = services.get(span.service, 0) + 1
    return Waterfall(
        trace_id=spans[0].trace_id,
        start_ns=start,
        duration_ms=duration / 1e6,
        bars=bars,
        ticks=[duration / 1e6 * tick / _TICKS for tick in range(_TICKS + 1)],
        services=services,
        errors=sum(span.error for span in spans),
    )


def colour_of(service: str) -> int:
    """Return the colour number of a service.

    The services of Proctorium have fixed numbers. The number of any other service is a hash of its name.
    """
    return _COLOUR_NUMBERS.get(service, zlib.crc32(service.encode())) % _COLOURS


def _bar(
    span: Span,
    depth: int,
    start: int,
    duration: int,
    descendants: int,
    linked_from: Sequence[LinkFrom],
) -> Bar:
    def percent(time_ns: int) -> float:
        return round((time_ns - start) / duration * 100, 3)

    return Bar(
        span=span,
        depth=depth,
        left=percent(span.start_ns),
        width=round((span.end_ns - span.start_ns) / duration * 100, 3),
        after_ms=(span.start_ns - start) / 1e6,
        descendants=descendants,
        events=[
            EventMark(event, percent(event.time_ns), (event.time_ns - span.start_ns) / 1e6)
            for event in span.events
        ],
        linked_from=linked_from,
    )


def _descendants(lines: Sequence[tuple[Span, int]], number: int) -> int:
    depth = lines[number][1]
    count = 0
    for _, deeper in lines[number + 1 :]:
        if deeper <= depth:
            break
        count += 1
    return count
