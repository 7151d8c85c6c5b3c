"""The real service over real gRPC with real PostgreSQL and NATS; the clock is the test's."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import AsyncIterator

import pytest_asyncio

from proctorium_devstack.testing import Running
from proctorium_enrollment.__main__ import build
from proctorium_enrollment.settings import Settings

from .enrollment import Enrollment, MovableClock


@pytest_asyncio.fixture
async def enrollment(running: Running) -> AsyncIterator[Enrollment]:
    """Enrollment, serving."""
    clock = MovableClock()
    master_key = b64encode(os.urandom(32)).decode()
    async with running(Settings, build, clock=clock, master_key=master_key) as served:
        yield Enrollment(served, clock)
