"""One replica for all tests of this folder: each test has people and sessions of its own in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from proctorium_common.storage.database import Database
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.components.postgres import Postgres
from proctorium_devstack.ports import free_ports
from proctorium_devstack.testing.assessment import FakeAssessment
from proctorium_devstack.testing.enrollment import FakeEnrollment

from .world import World, replica


@pytest.fixture(scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nats]:
    folder = tmp_path_factory.mktemp("session-nats")
    server = Nats(folder, free_ports(1)[0], folder / "nats.log")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def shared_world(postgres: Postgres, broker: Nats) -> AsyncIterator[World]:
    url = await postgres.ensure_migrated("session_world", "proctorium_session")
    await broker.declare()
    async with (
        FakeEnrollment.serving(broker.certificates_of("enrollment")) as enrollment,
        FakeAssessment.serving(broker.certificates_of("assessment")) as assessment,
        replica(
            url, broker, enrollment.port, assessment_address=f"127.0.0.1:{assessment.port}"
        ) as service,
    ):
        made = World(url, broker, enrollment, assessment, service, Database(url))
        yield made
        await made.database.close()


@pytest.fixture
async def world(shared_world: World) -> AsyncIterator[World]:
    yield shared_world
    for channel in shared_world.channels:
        await channel.close()
    shared_world.channels.clear()
