"""Fixtures of the integration tests. All tests of this folder share one replica of enrollment.

Each test creates its own people and sessions. The clock moves forward by an hour between tests, so that throttling in
one test does not affect the next test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from proctorium_devstack.testing import SharedServers
from proctorium_devstack.testing.assessment import FakeAssessment

from .harness import Harness


@pytest.fixture(scope="session")
async def shared_harness(shared_servers: SharedServers) -> AsyncIterator[Harness]:
    servers = shared_servers("proctorium_enrollment")
    async with (
        FakeAssessment.serving(servers.nats.certificates_of("assessment")) as assessment,
        Harness(servers, assessment).replica() as harness,
    ):
        yield harness


@pytest.fixture
async def harness(shared_harness: Harness) -> AsyncIterator[Harness]:
    shared_harness.clock.move(hours=1)
    await shared_harness.prepare()
    yield shared_harness
    await shared_harness.close_channels()
