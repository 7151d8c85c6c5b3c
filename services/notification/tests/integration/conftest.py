"""One replica for all tests of this folder; each test uses its own people and sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from proctorium_common.storage.database import Database
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.components.postgres import Postgres
from proctorium_devstack.ports import free_ports
from proctorium_devstack.testing.enrollment import FakeEnrollment

from .mail_sink import MailSink, accept
from .world import World, replica, replica_settings


@pytest.fixture(scope="session")
async def notification_broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nats]:
    folder = tmp_path_factory.mktemp("notification-nats")
    server = Nats(folder, free_ports(1)[0], folder / "nats.log")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def enrollment(notification_broker: Nats) -> AsyncIterator[FakeEnrollment]:
    async with FakeEnrollment.serving(notification_broker.certificates_of("enrollment")) as server:
        yield server


@pytest.fixture(scope="session")
async def shared_world(
    postgres: Postgres, notification_broker: Nats, enrollment: FakeEnrollment
) -> AsyncIterator[World]:
    url = await postgres.ensure_migrated("notification_world", "proctorium_notification")
    await notification_broker.declare()
    sink = MailSink()
    await sink.start()
    settings = replica_settings(url, notification_broker, enrollment.port, sink.port)
    async with replica(**settings) as service:
        database = Database(url)
        yield World(url, notification_broker, enrollment, sink, service, database)
        await database.close()
    await sink.stop()


@pytest.fixture
async def world(shared_world: World) -> AsyncIterator[World]:
    yield shared_world
    shared_world.sink.step = accept
    for channel in shared_world.channels:
        await channel.close()
    shared_world.channels.clear()
