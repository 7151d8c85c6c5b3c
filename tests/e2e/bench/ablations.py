"""Measure how much faster our replacements of library functions are than the original functions (ablations).

For each variant of the code, one replica of the assessment service runs. All replicas use one database and one core,
and the throughput of saves is measured for one replica after the other. The load runs on another core. The variants of
a subscriber are compared by the latency of events. To compare two runs, use only the ratio of each variant to the
unchanged code. On a shared machine, differences under 10 % are noise.

`python -m e2e.bench.ablations` prints the table. `python -m e2e.bench.ablations serve <variant>` runs one replica.
"""

from __future__ import annotations

import asyncio
import runpy
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    set_span_in_context,
)

from e2e.bench import events, harness
from e2e.bench.harness import Figure, Sample, throughput
from e2e.bench.learners import learners_at
from e2e.bench.saves import LOAD_MODULE, SECONDS, Load
from proctorium_common.events import subscriber
from proctorium_common.events.pull import Pull
from proctorium_common.security.keys import SigningKey
from proctorium_common.telemetry import logs
from proctorium_common.telemetry.logs import CallLine, CallLog
from proctorium_common.telemetry.traces import Attribute, Tracing

SHIPPED = "as shipped"
ROUNDS = 7
_MODULE = "e2e.bench.ablations"
_SERVICE = "proctorium_assessment"
_FETCH_SECONDS = 1.0


def _as_shipped() -> None:
    """Replace nothing, so that the unchanged code is measured."""


def _structlog_line() -> None:
    """Write call log lines with the processors and the JSON renderer of structlog instead of our code."""

    def write(self: CallLog, line: CallLine) -> None:
        self._write_pretty(line, logs._LEVELS.get(line.code, "info"))

    CallLog.write = write  # type: ignore[method-assign]  # replace our code


def _sdk_spans() -> None:
    """Start the span of each call with the SDK's tracer, so that the SDK's sampler decides whether it is recorded."""

    def start(
        self: Tracing,
        name: str,
        parent: SpanContext | None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Attribute] | None = None,
        links: Sequence[Link] = (),
    ) -> Span:
        context = Context()
        if parent is not None:
            context = set_span_in_context(NonRecordingSpan(parent), context)
        return self.tracer.start_span(name, context, kind, attributes, links)

    Tracing.start = start  # type: ignore[method-assign]  # replace our code


VARIANTS: Mapping[str, Callable[[], None]] = {
    SHIPPED: _as_shipped,
    "structlog line": _structlog_line,
    "sdk spans": _sdk_spans,
}


class _Fetch(Pull):
    """Pulls one message at a time with `fetch` of the client library, so that a message is handled when it arrives."""

    async def run(self) -> None:
        stream, consumer = self._consumer
        subscription = await self._client.jetstream().pull_subscribe_bind(consumer, stream)
        try:
            while not self._stopping:
                with suppress(TimeoutError):
                    for message in await subscription.fetch(1, timeout=_FETCH_SECONDS):
                        self._handle(message)
        finally:
            await subscription.unsubscribe()


async def measure(*, rounds: int = ROUNDS, seconds: float = SECONDS) -> list[Figure]:
    """Measure the throughput of saves, then the latency of events; return the figures."""
    saves = await measure_saves(rounds=rounds, seconds=seconds)
    return saves + await measure_pulls(rounds=rounds, seconds=seconds)


async def measure_pulls(*, rounds: int, seconds: float) -> list[Figure]:
    """Measure the latency of events, in each round first with our `Pull` and then with `fetch` of the client library.

    The events are recorded at a rate of 100 a second.
    """
    latencies: dict[type[Pull], list[events.Latency]] = {Pull: [], _Fetch: []}
    async with harness.start_harness(streams=False) as bench:
        url = await bench.database(events.PACKAGE)
        for _ in range(rounds):
            for variant, measured in latencies.items():
                subscriber.Pull = variant  # type: ignore[attr-defined]  # replace our code
                measured.append(
                    await events.measure_latency(url, bench.broker.url, seconds=seconds)
                )
    subscriber.Pull = Pull  # type: ignore[attr-defined]
    shipped, fetched = (
        statistics.median(each.p50_ms for each in measured) for measured in latencies.values()
    )
    return [Figure.of("fetch of the library", "ms p50 of an event", fetched, shipped)]


async def measure_saves(*, rounds: int, seconds: float) -> list[Figure]:
    """Measure the throughput of 16 concurrent saves with each variant in turn."""
    async with harness.start_harness() as bench:
        key = SigningKey.generate()
        url = await bench.database(_SERVICE, [key.public])
        addresses = {
            name: await bench.serve(_SERVICE, url, arguments=["-m", _MODULE, "serve", name])
            for name in VARIANTS
        }
        saving = tuple(await learners_at(addresses[SHIPPED], url, key, 16))
        samples: dict[str, list[Sample]] = {name: [] for name in VARIANTS}
        sequence = 1
        for number in range(rounds + 1):
            for name, address in addresses.items():
                load = Load(address, saving, sequence, seconds)
                sequence += 1_000_000
                sample = await harness.load(LOAD_MODULE, asdict(load))
                if number:  # the first round is a warm-up
                    samples[name].append(sample)
    medians = {name: Sample.median(each) for name, each in samples.items()}
    return [throughput(name, "saves/s", medians[name], medians[SHIPPED]) for name in VARIANTS]


def main(arguments: Sequence[str]) -> None:
    """Serve one variant, or measure all variants."""
    match arguments:
        case ["serve", variant]:
            VARIANTS[variant]()
            sys.argv[1:] = []
            runpy.run_module(_SERVICE, run_name="__main__")
        case _:
            harness.print_table(asyncio.run(measure()))


if __name__ == "__main__":
    main(sys.argv[1:])
