"""One replica for all tests of this folder; each test uses its own people and sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from proctorium_common.storage.database import Database
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.components.postgres import Postgres
from proctorium_devstack.ports import free_ports
from proctorium_devstack.testing.enrollment import FakeEnrollment

from .world import World, replica


@pytest.fixture(scope="session")
async def identity_broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nats]:
    folder = tmp_path_factory.mktemp("identity-nats")
    server = Nats(folder, free_ports(1)[0], folder / "nats.log")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def shared_world(
    postgres: Postgres, identity_broker: Nats, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    url = await postgres.ensure_migrated("identity_world", "proctorium_identity")
    await identity_broker.declare()
    evidence = tmp_path_factory.mktemp("evidence")
    async with (
        FakeEnrollment.serving(identity_broker.certificates_of("enrollment")) as enrollment,
        replica(url, identity_broker, enrollment.port, evidence) as service,
    ):
        made = World(identity_broker, enrollment, service, Database(url), evidence)
        yield made
        await made.database.close()


@pytest.fixture
async def world(shared_world: World) -> AsyncIterator[World]:
    yield shared_world
    for channel in shared_world.channels:
        await channel.close()
    shared_world.channels.clear()
