"""Define the fixtures: one running stack for the end-to-end tests of a worker, and a new scenario for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from e2e.browsing import close_shared_browser
from e2e.mailbox import Mailbox
from e2e.scenario import Scenario, create_scenario
from proctorium_devstack import demo_data
from proctorium_devstack.ports import PortPlan
from proctorium_devstack.stack import Stack

# Each scenario computes seven password hashes. With the default memory, these take 0.8 s of processor time.
FAST_PASSWORDS = {"PROCTORIUM_PASSWORD_HASH_MEMORY": "19"}


# The scope is the package and not the session, so that the stack does not run while the worker runs other tests.
@pytest.fixture(scope="package")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    async with Stack.running(
        folder, ports=PortPlan.free(), durable=False, settings=FAST_PASSWORDS
    ) as running:
        await demo_data.load(running)
        yield running


@pytest.fixture(scope="package", autouse=True)
async def _shared_browser() -> AsyncIterator[None]:
    """Close the browser that the tests share after the last test."""
    yield
    await close_shared_browser()


@pytest.fixture
async def mailbox(stack: Stack) -> AsyncIterator[Mailbox]:
    opened = Mailbox(stack.url("mailbox"))
    yield opened
    await opened.close()


@pytest.fixture
async def scenario(stack: Stack) -> AsyncIterator[Scenario]:
    created = await create_scenario(stack.address("edge"))
    yield created
    await created.close()
