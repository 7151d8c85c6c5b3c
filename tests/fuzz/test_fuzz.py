"""Whatever is sent to any RPC, the answer is one of ours, and the parts go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fuzz.run import Fuzz
from proctorium_devstack import demo_data
from proctorium_devstack.ports import PortPlan
from proctorium_devstack.stack import Stack

# The time for one round; `make fuzz` plays more of them, from any seed.
SECONDS = 60.0
SEED = 20261128

pytestmark = pytest.mark.long


@pytest.fixture
async def fuzz(tmp_path: Path) -> AsyncIterator[Fuzz]:
    """All callers, on a stack that no other test uses: people are disabled in it, and the organisation renamed."""
    async with Stack.running(tmp_path, ports=PortPlan.free(), durable=False) as stack:
        await demo_data.load(stack)
        made = Fuzz(stack, SEED, print)
        await made.set_scene()
        yield made
        await made.close()


async def test_no_message_to_any_rpc_makes_a_fault(fuzz: Fuzz) -> None:
    await fuzz.send(SECONDS)
    faults = await fuzz.finish()
    print(fuzz.report())
    assert faults == []
    assert fuzz.never_passed() == []
