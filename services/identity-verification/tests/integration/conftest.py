"""Fixtures: one replica of the service for all tests of this folder. Each test uses its own people and sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from proctorium_devstack.testing import SharedServers
from proctorium_devstack.testing.enrollment import FakeEnrollment

from .harness import Harness


@pytest.fixture(scope="session")
async def shared_harness(
    shared_servers: SharedServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Harness]:
    servers, evidence = shared_servers("proctorium_identity"), tmp_path_factory.mktemp("evidence")
    async with (
        FakeEnrollment.serving(servers.nats.certificates_of("enrollment")) as enrollment,
        Harness(servers, enrollment, evidence).replica() as harness,
    ):
        yield harness


@pytest.fixture
async def harness(shared_harness: Harness) -> AsyncIterator[Harness]:
    yield shared_harness
    await shared_harness.close_channels()
