"""Fixtures that run one replica of the service for all tests of this folder.

Each test uses its own people and sessions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from proctorium_devstack.testing import SharedServers
from proctorium_devstack.testing.enrollment import FakeEnrollment

from .harness import Harness
from .mail_sink import MailSink, accept


@pytest.fixture(scope="session")
async def shared_harness(shared_servers: SharedServers) -> AsyncIterator[Harness]:
    servers = shared_servers("proctorium_notification")
    async with (
        FakeEnrollment.serving(servers.nats.certificates_of("enrollment")) as enrollment,
        MailSink.serving() as sink,
        Harness(servers, enrollment, sink).replica() as harness,
    ):
        yield harness


@pytest.fixture
async def harness(shared_harness: Harness) -> AsyncIterator[Harness]:
    yield shared_harness
    shared_harness.sink.step = accept
    await shared_harness.close_channels()


@pytest.fixture
async def sink() -> AsyncIterator[MailSink]:
    """Yield a mail server for one test."""
    async with MailSink.serving() as server:
        yield server
        server.disconnect()
