"""`make bench-check`: test that each measurement runs with the smallest parameters and returns its figures.

The tests do not check the values of the figures. `make test` does not run this file, because its name does not begin
with `test_`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from e2e.bench import ablations, harness
from e2e.bench.__main__ import MEASUREMENTS

TESTS = Path(__file__).parents[2]
SMALLEST: Mapping[str, Mapping[str, object]] = {
    "durable saves": {"rounds": 1, "seconds": 0.1, "warm_up": False},
    "reads of an attempt": {"rounds": 1, "seconds": 0.1, "warm_up": False},
    "joins by code": {"rounds": 1, "seconds": 0.1, "warm_up": False},
    "a start's fan-out": {"rounds": 1, "sizes": (100,), "edge_size": 100},
    "actions of proctors and learners": {"rounds": 1, "learners": 10, "actions": 3},
    "presence": {"rounds": 1, "seconds": 0.1},
    "events": {"rounds": 1, "seconds": 0.1},
}
FIGURES = {
    "durable saves": ["save_16", "save_16_p99", "save_64", "save_64_p99", "save_stream"],
    "reads of an attempt": ["read_attempt_16", "read_attempt_16_p99"],
    "joins by code": ["join_16", "join_16_p99", "join_rush", "join_rush_p99"],
    "a start's fan-out": ["fanout_100", "fanout_100_edge"],
    "actions of proctors and learners": [
        "roster_event_p99_ms",
        "chat_p99_ms",
        "pause_all_10_ms",
        "pause_10_attempts_ms",
    ],
    "presence": ["presence"],
    "events": ["event_p50_ms", "event_p99_ms"],
}


@pytest.fixture(autouse=True)
def _small_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    # The measurements start processes that also import `e2e`.
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    # Another process on the disk can delay a durable commit by seconds.
    monkeypatch.setattr(harness, "DURABLE", False)


@pytest.mark.parametrize("title", MEASUREMENTS)
async def test_measurement_returns_its_figures(title: str) -> None:
    figures = await MEASUREMENTS[title](**SMALLEST[title])
    assert [each.name for each in figures] == FIGURES[title]


async def test_ablations_return_a_figure_for_each_variant() -> None:
    figures = await ablations.measure(rounds=1, seconds=0.1)
    assert [each.name for each in figures] == [*ablations.VARIANTS, "fetch of the library"]
