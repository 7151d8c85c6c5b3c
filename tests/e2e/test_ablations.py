"""Test that the ablations of `make bench` run with the smallest parameters and return a figure for each variant."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.bench import ablations, harness

TESTS = Path(__file__).parents[1]


async def test_ablation_returns_a_figure_for_each_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    # The measurement starts processes that also import `e2e`.
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    # Another process on the disk can delay a durable commit by seconds.
    monkeypatch.setattr(harness, "DURABLE", False)
    figures = await ablations.measure(rounds=1, seconds=0.1)
    assert [each.name for each in figures] == [*ablations.VARIANTS, "fetch of the library"]
