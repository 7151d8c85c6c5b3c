"""The ablations of `make bench` run in their smallest form and give a figure for each variant; no figure is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.bench import ablations

TESTS = Path(__file__).parents[1]


async def test_an_ablation_gives_a_figure_for_each_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    # The processes of a measurement import it from here too.
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    figures = await ablations.measure(rounds=1, seconds=0.1)
    assert [each.name for each in figures] == list(ablations.VARIANTS)
