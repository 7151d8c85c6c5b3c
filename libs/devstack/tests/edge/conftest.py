"""A fixture that runs one edge for all tests of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .harness import Harness, running_edge


@pytest.fixture(scope="module")
async def harness(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Harness]:
    async with running_edge(tmp_path_factory.mktemp("edge")) as running:
        yield running
