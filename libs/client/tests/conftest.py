"""Define the fixture: an edge and a client that is signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .fake_edge import FakeEdge, running_edge


@pytest.fixture
async def edge() -> AsyncIterator[FakeEdge]:
    async with running_edge() as running:
        yield running
