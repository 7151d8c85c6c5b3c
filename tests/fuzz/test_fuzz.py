"""Whatever is sent to any RPC, the answer is one of ours, and the parts go on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fuzz.run import Fuzz
from proctorium_devstack import demo_data
from proctorium_devstack.ports import PortPlan
from proctorium_devstack.stack import Stack

# The time for one round; `make fuzz` plays more of them, from any seed.
SECONDS = 45.0
SEED = 20261128

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
async def own_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack that no other test uses: people are disabled in it, and the organisation renamed."""
    folder = tmp_path_factory.mktemp("fuzzed")
    async with Stack.running(folder, ports=PortPlan.free(), durable=False) as stack:
        await demo_data.load(stack)
        yield stack


async def test_no_message_to_any_rpc_makes_a_fault(own_stack: Stack) -> None:
    fuzz = Fuzz(own_stack, SEED, print)
    faults = await fuzz.run(1, SECONDS)
    print(fuzz.report())
    assert faults == []
    assert fuzz.never_passed() == []
