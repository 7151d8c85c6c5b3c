"""Places in a trace, headers, and the turns of workers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from proctorium.session.events.v1.events_pb2 import SessionStarted
from proctorium_common.telemetry.traces import (
    NOT_TRACING,
    Tracing,
    annotate_from,
    current_trace_context,
    current_trace_id,
    extract,
    id_fields,
    inject,
    link_to,
    parse_trace_context,
    span,
    span_from,
    use_tracing,
    worker_run,
)

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Recorded:
    """A tracing that keeps its spans."""

    def __init__(self, ratio: float = 1.0) -> None:
        self._kept = InMemorySpanExporter()
        self.tracing = Tracing("test", ratio=ratio, exporter=self._kept)

    def names(self) -> list[str]:
        provider = self.tracing._provider
        assert provider is not None
        provider.force_flush()
        return [found.name for found in self._kept.get_finished_spans()]

    def spans(self) -> InMemorySpanExporter:
        self.names()
        return self._kept


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    made = Recorded()
    use_tracing(made.tracing)
    yield made
    use_tracing(NOT_TRACING)
    made.tracing.close()


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "00-abc",
        PARENT.upper(),
        PARENT.replace("-", "_"),
        PARENT.replace("0af7", "zzzz"),
        "ff" + PARENT[2:],
        PARENT + "-more",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
    ],
)
def test_a_header_that_is_not_w3c_is_no_place(header: str | None) -> None:
    assert parse_trace_context(header) is None


def test_a_header_of_a_later_version_may_say_more() -> None:
    place = parse_trace_context("01" + PARENT[2:] + "-more")
    assert place is not None
    assert place.trace_flags.sampled


@pytest.mark.parametrize("flags", ["00", "01", "03"])
@pytest.mark.parametrize(("trace_id", "span_id"), [(1, 1), (2**128 - 1, 2**64 - 1), (2**64, 2**32)])
def test_a_place_survives_its_header(trace_id: int, span_id: int, flags: str) -> None:
    place = parse_trace_context(f"00-{trace_id:032x}-{span_id:016x}-{flags}")
    assert place is not None
    assert (place.trace_id, place.span_id) == (trace_id, span_id)
    assert place.trace_flags.sampled == (flags != "00")


def test_headers_say_the_current_place_and_nothing_where_there_is_none(recorded: Recorded) -> None:
    nothing: dict[str, str] = {}
    inject(nothing)
    assert nothing == {}
    with span_from(parse_trace_context(PARENT, "vendor=1"), "publish"):
        headers: dict[str, str] = {}
        inject(headers)
        here = current_trace_context()
    assert extract(headers) is not None
    assert here is not None
    assert headers["traceparent"].split("-")[1:3] == [
        f"{here.trace_id:032x}",
        f"{here.span_id:016x}",
    ]
    assert headers["tracestate"] == "vendor=1"


def test_a_sampled_share_of_new_traces_is_about_the_ratio() -> None:
    tracing = Recorded(ratio=0.25).tracing
    sampled = sum(tracing.start("call", None).is_recording() for _ in range(2000))
    assert 380 < sampled < 620
    tracing.close()


def test_what_callers_decided_is_passed_on_where_nothing_is_recorded() -> None:
    place = parse_trace_context(PARENT)
    started = NOT_TRACING.start("call", place)
    assert started.get_span_context() == place
    assert not started.is_recording()


def test_an_event_puts_its_ids_on_the_span(recorded: Recorded) -> None:
    with span("process"):
        annotate_from(SessionStarted(session_id="s-1", course_id="c-1"))
    [found] = recorded.spans().get_finished_spans()
    assert found.attributes == {"proctorium.session_id": "s-1", "proctorium.course_id": "c-1"}
    assert id_fields(SessionStarted.DESCRIPTOR) == ("session_id", "course_id")


def test_a_link_points_to_where_the_event_was_first_handled(recorded: Recorded) -> None:
    with span_from(None, "redelivery", links=link_to(parse_trace_context(PARENT))):
        pass
    [found] = recorded.spans().get_finished_spans()
    assert f"{found.links[0].context.trace_id:032x}" == PARENT.split("-")[1]


def test_a_turn_that_finds_nothing_to_do_is_no_trace(recorded: Recorded) -> None:
    with worker_run("worker reminders"):
        pass
    assert recorded.names() == []


def test_a_turn_that_does_something_is_a_trace_with_what_follows_below_it(
    recorded: Recorded,
) -> None:
    with worker_run("worker reminders"):
        headers: dict[str, str] = {}
        inject(headers)
        with span_from(extract(headers), "publish"):
            pass
    published, worked = recorded.spans().get_finished_spans()
    assert worked.name == "worker reminders"
    assert published.parent is not None
    assert published.parent.span_id == worked.context.span_id
    assert published.context.trace_id == worked.context.trace_id
    assert worked.start_time is not None
    assert published.start_time is not None
    assert worked.start_time <= published.start_time


def test_a_turn_that_fails_says_so(recorded: Recorded) -> None:
    def work() -> None:
        with worker_run("worker reminders"):
            current_trace_id()
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()
    [worked] = recorded.spans().get_finished_spans()
    assert worked.status.description == "ValueError"


def test_what_was_cancelled_did_not_fail(recorded: Recorded) -> None:
    for failure in (asyncio.CancelledError(), ValueError("Lena Fischer")):
        with pytest.raises(type(failure)), span("work"):
            raise failure
    cancelled, failed = recorded.spans().get_finished_spans()
    assert cancelled.status.is_ok
    assert cancelled.attributes == {"proctorium.cancelled": True}
    assert failed.status.description == "ValueError"
    assert failed.attributes == {"error.type": "ValueError"}
