"""One edge for all tests of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .world import World, running_edge


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_edge(tmp_path_factory.mktemp("edge")) as running:
        yield running
