"""Define the fixtures of the event tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from proctorium_common.storage.database import Database
from proctorium_common.topology import Topology, services
from proctorium_devstack.components.nats import Nats

from .harness import TOPOLOGY, Harness


@pytest.fixture
def broker_topology() -> Topology:
    """The topology of all services and of the service `sample`, which subscribes to the events of enrollment."""
    return {**services(), "sample": TOPOLOGY["sample"]}


@pytest_asyncio.fixture
async def bare_harness(database: Database, own_nats: Nats) -> AsyncIterator[Harness]:
    """A harness whose broker has no streams and no consumers."""
    harness = Harness(database, own_nats)
    yield harness
    await harness.close()


@pytest_asyncio.fixture
async def harness(bare_harness: Harness) -> Harness:
    """A harness whose broker has the declared streams and consumers."""
    await bare_harness.declare()
    return bare_harness
