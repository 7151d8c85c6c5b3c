"""Fixtures of the tests of events."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from proctorium_common.storage.database import Database
from proctorium_devstack.parts.nats import Nats

from .world import World


@pytest_asyncio.fixture
async def bare_world(database: Database, own_nats: Nats) -> AsyncIterator[World]:
    """A world in which nobody has declared anything."""
    world = World(database, own_nats)
    yield world
    await world.broker.close()
    await world.listener.close()


@pytest_asyncio.fixture
async def world(bare_world: World) -> World:
    """A world with its streams and consumers."""
    await bare_world.declare()
    return bare_world
