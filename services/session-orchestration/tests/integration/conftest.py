"""Fixtures of the integration tests.

All tests of this folder share one replica. Each test creates its own people and sessions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from proctorium_devstack.testing import SharedServers
from proctorium_devstack.testing.assessment import FakeAssessment
from proctorium_devstack.testing.enrollment import FakeEnrollment

from .harness import Harness


@pytest.fixture(scope="session")
async def shared_harness(shared_servers: SharedServers) -> AsyncIterator[Harness]:
    servers = shared_servers("proctorium_session")
    async with (
        FakeEnrollment.serving(servers.nats.certificates_of("enrollment")) as enrollment,
        FakeAssessment.serving(servers.nats.certificates_of("assessment")) as assessment,
        Harness(servers, enrollment, assessment).replica() as harness,
    ):
        yield harness


@pytest.fixture
async def harness(shared_harness: Harness) -> AsyncIterator[Harness]:
    yield shared_harness
    await shared_harness.close_channels()
