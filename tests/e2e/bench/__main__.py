"""`make bench`: run all measurements, print a table and write build/bench.json.

To compare two runs, use only the ratios, because the other figures depend on the machine.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import structlog

from e2e.bench import events, fanout, joins, presence, reads, saves, supervision
from e2e.bench.harness import Figure, print_table

MEASUREMENTS: Mapping[str, Callable[..., Awaitable[list[Figure]]]] = {
    "durable saves": saves.measure,
    "reads of an attempt": reads.measure,
    "joins by code": joins.measure,
    "a start's fan-out": fanout.measure,
    "actions of proctors and learners": supervision.measure,
    "presence": presence.measure,
    "events": events.measure,
}
RESULT = Path("build/bench.json")


async def main() -> int:
    """Run all measurements one after the other, and return the exit code."""
    # Log only warnings, because the log lines of libraries in this process would distort the measurements.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}")
    figures: list[Figure] = []
    for title, measure in MEASUREMENTS.items():
        print(f"{title} …", flush=True)
        figures += await measure()
    print_table(figures)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps([asdict(each) for each in figures], indent=2) + "\n", "utf-8")
    print(f"wrote {RESULT}")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
