"""How all tests run: property tests are not timed, since a busy machine is not a fault, and a file's tests stay together.

Three workers share the files. The end-to-end tests share a running system: one worker runs those with a browser, another one the rest.
A test that hangs fails and says where it waits; what hangs outside of its function (a fixture, a thread) ends its worker,
with the stacks of its threads (`faulthandler_timeout` in pyproject.toml).
"""

import asyncio
import functools
import inspect
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ParamSpec

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Tests that start a process as another user fork, and gRPC's own handlers of a fork now and then break a thread of it that is at
# work ("event_engine", SIGSEGV). What we fork does nothing but become another program. gRPC reads this when it is imported.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

settings.register_profile("proctorium", deadline=None)
settings.load_profile("proctorium")

ROOT = Path(__file__).parent
END_TO_END = "tests/e2e"
BROWSER = f"{END_TO_END}/test_browser"
# Tests that take long and do not depend on the Python version, since other programs do the work (browsers, Envoy, the picture decoders):
# `.ci/run` runs them on one Python only.
LONG = (
    BROWSER,
    "tests/e2e/test_attack",
    "tests/e2e/test_bench",
    "libs/devstack/tests/edge/",
    "services/identity-verification/tests/integration/test_images",
)
# The test of tests/fuzz makes calls for half of this; the slowest of the others takes a sixth on two processors that have nothing else to do.
LONGEST_TEST_SECONDS = 120.0

Arguments = ParamSpec("Arguments")


class FilesTogether(LoadScopeScheduling):
    """One worker runs all tests of a file, so that what the file sets up is set up once."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        shared = (group for group in (BROWSER, f"{END_TO_END}/") if file.startswith(group))
        return next(shared, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Asks xdist to hand the tests out by `FilesTogether`."""
    return FilesTogether(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest groups first, or other workers would wait for them at the end, and marks what `-m "not long"` leaves out."""
    for item in items:
        if item.path.relative_to(ROOT).as_posix().startswith(LONG):
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: not item.path.is_relative_to(ROOT / END_TO_END))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Gives every test that can be cancelled an end."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.obj = within_limit(item.obj)


def within_limit(
    test: Callable[Arguments, Awaitable[None]],
) -> Callable[Arguments, Awaitable[None]]:
    """`test`, which raises TimeoutError from where it still waits after LONGEST_TEST_SECONDS."""

    @functools.wraps(test)
    async def limited(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        async with asyncio.timeout(LONGEST_TEST_SECONDS):
            await test(*args, **kwargs)

    return limited
