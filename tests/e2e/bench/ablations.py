"""Ablations: the effect of each custom replacement of a library on saves, beside the service with the library.

All variants are replicas on one database and one core, and their runs alternate; the load comes from another core. Only
the ratio to the shipped service is comparable, and differences under 10 % are noise on a shared machine.

`python -m e2e.bench.ablations` prints the table; `… serve <variant>` is a replica.
"""

from __future__ import annotations

import asyncio
import runpy
import sys
from collections.abc import Callable, Mapping, Sequence
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

from e2e.bench import harness
from e2e.bench.harness import Figure, Sample, throughput
from e2e.bench.learners import learners_at
from e2e.bench.saves import LOAD_MODULE, SECONDS, Load
from proctorium_common.security.keys import SigningKey
from proctorium_common.telemetry import logs
from proctorium_common.telemetry.logs import CallLine, CallLog
from proctorium_common.telemetry.traces import Attribute, Tracing

SHIPPED = "as shipped"
ROUNDS = 7
_MODULE = "e2e.bench.ablations"
_SERVICE = "proctorium_assessment"


def _as_shipped() -> None:
    """Replace nothing."""


def _structlog_line() -> None:
    """Write the line of each call with structlog's processors and its JSON renderer."""

    def write(self: CallLog, line: CallLine) -> None:
        self._write_pretty(line, logs._LEVELS.get(line.code, "info"))

    CallLog.write = write  # type: ignore[method-assign]  # the ablation


def _sdk_spans() -> None:
    """Let the SDK's tracer and sampler decide on each call, sampled or not."""

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

    Tracing.start = start  # type: ignore[method-assign]  # the ablation


VARIANTS: Mapping[str, Callable[[], None]] = {
    SHIPPED: _as_shipped,
    "structlog line": _structlog_line,
    "sdk spans": _sdk_spans,
}


async def measure(*, rounds: int = ROUNDS, seconds: float = SECONDS) -> list[Figure]:
    """Measure 16 concurrent saves with each variant in turn."""
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
                if number:  # the first round warms up
                    samples[name].append(sample)
    medians = {name: Sample.median(each) for name, each in samples.items()}
    return [throughput(name, "saves/s", medians[name], medians[SHIPPED]) for name in VARIANTS]


def main(arguments: Sequence[str]) -> None:
    """Serve one variant, or measure all."""
    match arguments:
        case ["serve", variant]:
            VARIANTS[variant]()
            sys.argv[1:] = []
            runpy.run_module(_SERVICE, run_name="__main__")
        case _:
            harness.print_table(asyncio.run(measure()))


if __name__ == "__main__":
    main(sys.argv[1:])
