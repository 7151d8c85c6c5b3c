"""The fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest_asyncio

from proctorium_devstack.components.nats import Nats

from .world import World
from .world import world as running_world

Migrated = Callable[[str], str]


@pytest_asyncio.fixture
async def world(migrated_database: Migrated, nats: Nats) -> AsyncIterator[World]:
    async with running_world(migrated_database("proctorium_assessment"), nats) as started:
        yield started
