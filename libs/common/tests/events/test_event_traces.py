"""Test the traces of events: one trace from the change to its effect, and a new, linked trace for each redelivery."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from proctorium_common.errors import unavailable
from proctorium_common.events.replay import replay
from proctorium_common.ids import new_id
from proctorium_common.telemetry.traces import NOT_TRACING, Tracing, span, use_tracing
from proctorium_devstack.testing.waiting import until

from .harness import Harness, certified
from .test_event_failures import LONG_AGO


class Recording:
    """Tracing that stores the spans in memory, so that a test can read them."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracing = Tracing("test", ratio=1.0, exporter=self._exporter, export_delay_ms=10)

    def named(self, name: str) -> list[ReadableSpan]:
        return [found for found in self._exporter.get_finished_spans() if found.name == name]


@pytest.fixture
def recording() -> Iterator[Recording]:
    created = Recording()
    yield created
    created.tracing.close()


def id_of(found: ReadableSpan) -> int:
    assert found.context is not None
    return int(found.context.span_id)


def trace_of(found: ReadableSpan) -> int:
    assert found.context is not None
    return int(found.context.trace_id)


async def test_trace_continues_through_outbox_and_broker(
    harness: Harness, recording: Recording
) -> None:
    use_tracing(recording.tracing)
    async with harness.relay(), harness.subscriber():
        with span("the change"):
            await harness.record(certified(new_id()))
        await until(harness.is_settled)
        await until(lambda: recording.named("process enrollment.person.certified"))
    (change,) = recording.named("the change")
    (published,) = recording.named("publish enrollment.person.certified")
    (processed,) = recording.named("process enrollment.person.certified")
    assert {trace_of(found) for found in (change, published, processed)} == {trace_of(change)}
    recorded = recording.named("db.transaction")[0]
    assert recorded.parent is not None
    assert recorded.parent.span_id == id_of(change)
    assert published.parent is not None
    assert published.parent.span_id == id_of(recorded)
    assert processed.parent is not None
    assert processed.parent.span_id == id_of(published)
    assert [link.context.span_id for link in processed.links] == [id_of(published)]
    assert (published.kind, processed.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    inside = [found for found in recording.named("db.transaction") if found is not recorded]
    assert [found.parent and found.parent.span_id for found in inside] == [id_of(processed)]
    use_tracing(NOT_TRACING)


async def test_redelivery_and_replay_are_new_traces_with_links(
    harness: Harness, recording: Recording
) -> None:
    use_tracing(recording.tracing)
    harness.effects.fail = lambda _, metadata: (
        unavailable("UNREACHABLE", "unreachable") if metadata.deliveries == 1 else None
    )
    async with harness.relay(), harness.subscriber():
        with span("the change"):
            await harness.record(certified(new_id()))
        await until(harness.is_settled)
        await replay(harness.database, harness.owner, LONG_AGO)
        await until(lambda: len(recording.named("process enrollment.person.certified")) == 3)
    first, second, replayed = recording.named("process enrollment.person.certified")
    published, republished = recording.named("publish enrollment.person.certified")
    assert first.status.status_code is StatusCode.ERROR
    assert trace_of(first) == trace_of(published)
    assert len({trace_of(found) for found in (first, second, replayed)}) == 3
    assert second.parent is None
    assert replayed.parent is None
    assert [link.context.span_id for link in second.links] == [id_of(published)]
    assert [link.context.span_id for link in replayed.links] == [id_of(republished)]
    use_tracing(NOT_TRACING)


async def test_unsampled_events_are_handled_without_spans(
    harness: Harness, recording: Recording
) -> None:
    use_tracing(Tracing("test", ratio=0.0))
    async with harness.relay(), harness.subscriber():
        with span("the change"):
            await harness.record(certified(new_id()))
        await until(harness.is_settled)
    assert await harness.count_effects() == 1
    use_tracing(NOT_TRACING)
