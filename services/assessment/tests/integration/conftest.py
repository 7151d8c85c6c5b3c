"""Fixtures that run the service. Each test has its own database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proctorium_devstack.components.nats import Nats
from proctorium_devstack.testing import MigratedDatabase, Servers
from proctorium_devstack.testing.enrollment import FakeEnrollment

from .harness import Harness


@asynccontextmanager
async def running(database_url: str, nats: Nats) -> AsyncIterator[Harness]:
    async with (
        FakeEnrollment.serving(nats.certificates_of("enrollment")) as enrollment,
        Harness(Servers(database_url, nats), enrollment).replica() as harness,
    ):
        yield harness


@pytest.fixture
async def harness(migrated_database: MigratedDatabase, nats: Nats) -> AsyncIterator[Harness]:
    async with running(migrated_database("proctorium_assessment"), nats) as harness:
        yield harness


@pytest.fixture
async def connected(migrated_database: MigratedDatabase, own_nats: Nats) -> AsyncIterator[Harness]:
    """Yield the harness of a service that is connected to its own broker, which has all streams."""
    await own_nats.declare()
    async with running(migrated_database("proctorium_assessment"), own_nats) as harness:
        yield harness
