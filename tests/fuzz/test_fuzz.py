"""Test that every RPC returns a well-formed response to any request, and that the components keep running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fuzz.run import Fuzz
from proctorium_devstack import demo_data
from proctorium_devstack.ports import PortPlan
from proctorium_devstack.stack import Stack

# The test runs one round with a fixed seed. `make fuzz` runs more rounds with any seed.
SECONDS = 30.0
SEED = 20261128

pytestmark = pytest.mark.long


@pytest.fixture
async def fuzz(tmp_path: Path) -> AsyncIterator[Fuzz]:
    """A run of the fuzzer with a separate stack, because the calls disable people and rename the organisation."""
    async with Stack.running(tmp_path, ports=PortPlan.free(), durable=False) as stack:
        await demo_data.load(stack)
        prepared = Fuzz(stack, SEED, print)
        await prepared.prepare()
        yield prepared
        await prepared.close()


async def test_generated_requests_cause_no_fault(fuzz: Fuzz) -> None:
    await fuzz.send(SECONDS)
    await fuzz.send_until_passed(SECONDS)
    faults = await fuzz.finish()
    print(fuzz.report())
    assert faults == []
    assert fuzz.never_passed() == []
