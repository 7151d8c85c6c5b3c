"""Fixtures of the tests of events."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from proctorium_common.storage.database import Database
from proctorium_common.topology import Topology, services
from proctorium_devstack.components.nats import Nats

from .world import TOPOLOGY, World


@pytest.fixture
def broker_topology() -> Topology:
    """All services, with `sample`, which listens to enrollment."""
    return {**services(), "sample": TOPOLOGY["sample"]}


@pytest_asyncio.fixture
async def bare_world(database: Database, own_nats: Nats) -> AsyncIterator[World]:
    """A world in which nobody has declared anything."""
    world = World(database, own_nats)
    yield world
    await world.close()


@pytest_asyncio.fixture
async def world(bare_world: World) -> World:
    """A world with its streams and consumers."""
    await bare_world.declare()
    return bare_world
