"""Test trace contexts, headers, and the traces of runs of workers."""

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
    """Tracing that stores the spans in memory, so that a test can read them."""

    def __init__(self, ratio: float = 1.0) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracing = Tracing("test", ratio=ratio, exporter=self._exporter)

    def names(self) -> list[str]:
        provider = self.tracing._provider
        assert provider is not None
        provider.force_flush()
        return [found.name for found in self._exporter.get_finished_spans()]

    def spans(self) -> InMemorySpanExporter:
        self.names()
        return self._exporter


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    created = Recorded()
    use_tracing(created.tracing)
    yield created
    use_tracing(NOT_TRACING)
    created.tracing.close()


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
def test_malformed_traceparent_is_no_trace_context(header: str | None) -> None:
    assert parse_trace_context(header) is None


def test_traceparent_of_a_later_version_may_have_more_fields() -> None:
    context = parse_trace_context("01" + PARENT[2:] + "-more")
    assert context is not None
    assert context.trace_flags.sampled


@pytest.mark.parametrize("flags", ["00", "01", "03"])
@pytest.mark.parametrize(("trace_id", "span_id"), [(1, 1), (2**128 - 1, 2**64 - 1), (2**64, 2**32)])
def test_traceparent_is_parsed(trace_id: int, span_id: int, flags: str) -> None:
    context = parse_trace_context(f"00-{trace_id:032x}-{span_id:016x}-{flags}")
    assert context is not None
    assert (context.trace_id, context.span_id) == (trace_id, span_id)
    assert context.trace_flags.sampled == (flags != "00")


def test_inject_writes_the_current_trace_context_or_nothing(recorded: Recorded) -> None:
    empty: dict[str, str] = {}
    inject(empty)
    assert empty == {}
    with span_from(parse_trace_context(PARENT, "vendor=1"), "publish"):
        headers: dict[str, str] = {}
        inject(headers)
        current = current_trace_context()
    assert extract(headers) is not None
    assert current is not None
    assert headers["traceparent"].split("-")[1:3] == [
        f"{current.trace_id:032x}",
        f"{current.span_id:016x}",
    ]
    assert headers["tracestate"] == "vendor=1"


def test_sampled_share_of_new_traces_matches_the_ratio() -> None:
    tracing = Recorded(ratio=0.25).tracing
    sampled = sum(tracing.start("call", None).is_recording() for _ in range(2000))
    assert 380 < sampled < 620
    tracing.close()


def test_trace_context_is_passed_on_when_tracing_is_off() -> None:
    context = parse_trace_context(PARENT)
    started = NOT_TRACING.start("call", context)
    assert started.get_span_context() == context
    assert not started.is_recording()


def test_ids_of_an_event_are_span_attributes(recorded: Recorded) -> None:
    with span("process"):
        annotate_from(SessionStarted(session_id="s-1", course_id="c-1"))
    [found] = recorded.spans().get_finished_spans()
    assert found.attributes == {"proctorium.session_id": "s-1", "proctorium.course_id": "c-1"}
    assert id_fields(SessionStarted.DESCRIPTOR) == ("session_id", "course_id")


def test_redelivery_span_links_to_the_first_handling(recorded: Recorded) -> None:
    with span_from(None, "redelivery", links=link_to(parse_trace_context(PARENT))):
        pass
    [found] = recorded.spans().get_finished_spans()
    assert f"{found.links[0].context.trace_id:032x}" == PARENT.split("-")[1]


def test_idle_worker_run_creates_no_trace(recorded: Recorded) -> None:
    with worker_run("worker reminders"):
        pass
    assert recorded.names() == []


def test_worker_run_is_the_parent_of_its_effects(
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


def test_failed_worker_run_marks_its_span(recorded: Recorded) -> None:
    def work() -> None:
        with worker_run("worker reminders"):
            current_trace_id()
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()
    [worked] = recorded.spans().get_finished_spans()
    assert worked.status.description == "ValueError"


def test_cancelled_span_is_not_failed(recorded: Recorded) -> None:
    for failure in (asyncio.CancelledError(), ValueError("Lena Fischer")):
        with pytest.raises(type(failure)), span("work"):
            raise failure
    cancelled, failed = recorded.spans().get_finished_spans()
    assert cancelled.status.is_ok
    assert cancelled.attributes == {"proctorium.cancelled": True}
    assert failed.status.description == "ValueError"
    assert failed.attributes == {"error.type": "ValueError"}
