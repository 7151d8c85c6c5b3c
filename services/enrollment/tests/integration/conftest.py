"""The real service over real gRPC with real PostgreSQL and NATS. One serves all tests: each makes its own people and
sessions, and an hour passes between two of them, so that limits have forgotten the one before."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import AsyncIterator
from functools import partial

import grpc
import pytest
import pytest_asyncio

from proctorium_common.process.life import running
from proctorium_common.security.keys import KeyRing, SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.components.postgres import Postgres
from proctorium_devstack.ports import free_ports
from proctorium_devstack.testing import Served
from proctorium_devstack.testing.assessment import FakeAssessment
from proctorium_enrollment.__main__ import build
from proctorium_enrollment.operations.assessments import Assessments
from proctorium_enrollment.settings import Settings
from proctorium_enrollment.storage.password_hashes import PasswordHashes

from .enrollment import Enrollment, MovableClock

PACKAGE = "proctorium_enrollment"


@pytest_asyncio.fixture(scope="session")
async def assessment_service() -> AsyncIterator[FakeAssessment]:
    """The assessment service that enrollment asks."""
    async with FakeAssessment.serving() as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def serving(
    postgres: Postgres,
    tmp_path_factory: pytest.TempPathFactory,
    assessment_service: FakeAssessment,
) -> AsyncIterator[tuple[Served[Settings], MovableClock]]:
    """Enrollment, serving for as long as tests run."""
    folder = tmp_path_factory.mktemp("enrollment")
    url = await postgres.ensure_migrated("enrollment_tests", PACKAGE)
    nats = Nats(folder / "nats", free_ports(1)[0], folder / "nats.log")
    await nats.start()
    await nats.declare()
    pair = nats.pair("enrollment")
    settings = Settings(
        database_url=url,
        nats_url=nats.url,
        tls_certificate=pair.certificate,
        tls_key=pair.key,
        tls_authority=pair.authority,
        master_key=b64encode(os.urandom(32)).decode(),
        drain_wait=0,
        drain_grace=5,
    )
    clock, key = MovableClock(), SigningKey.generate()
    signer = TokenSigner(key, clock=clock)
    asked = grpc.aio.insecure_channel(f"127.0.0.1:{assessment_service.port}")
    quick = partial(
        build,
        hashes=PasswordHashes(memory_kib=64, passes=1),
        assessments=Assessments(asked),
    )
    async with running(settings, quick, clock=clock, keys=KeyRing.of(key.public)) as service:
        served = Served(service, nats, lambda person, roles: signer.sign(person, roles).text)
        yield served, clock
        await served.close()
    await asked.close()
    await nats.stop()


@pytest_asyncio.fixture
async def enrollment(serving: tuple[Served[Settings], MovableClock]) -> AsyncIterator[Enrollment]:
    """Enrollment, and a world around it that is this test's own."""
    served, clock = serving
    clock.move(hours=1)
    world = Enrollment(served, clock)
    await world.begin()
    yield world
    await world.close()
