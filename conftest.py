"""The configuration of all test runs.

Three workers run the tests. All tests of one file run on the same worker. The end-to-end tests share a running system:
one worker runs the tests with a browser, another worker the other end-to-end tests. Property tests have no deadline,
because the machine may be busy. A test that hangs fails, and its traceback shows where it waits. If a fixture or a
thread hangs, the worker prints the stacks of all threads and ends (`faulthandler_timeout` in pyproject.toml).
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

# Some tests fork to start a process as another user. gRPC's fork handlers sometimes crash its thread "event_engine"
# with SIGSEGV. They are not needed, because the child processes only execute another program. gRPC reads this variable
# when it is imported.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

settings.register_profile("proctorium", deadline=None)
settings.load_profile("proctorium")

ROOT = Path(__file__).parent
END_TO_END = "tests/e2e"
BROWSER = f"{END_TO_END}/test_browser"
# Long tests of other programs, such as browsers, Envoy and image decoders. `.ci/run` runs them on only one Python,
# because the Python version has little influence on them.
LONG = (
    BROWSER,
    "tests/e2e/test_attack",
    "tests/e2e/test_bench",
    "libs/devstack/tests/edge/",
    "services/identity-verification/tests/integration/test_image_reader",
)
# On two otherwise idle cores, tests/fuzz and the slowest other test need about half of this time.
LONGEST_TEST_SECONDS = 120.0

Arguments = ParamSpec("Arguments")


class FilesTogether(LoadScopeScheduling):
    """A scheduler that runs all tests of a file on one worker, so that shared fixtures are set up only once."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        shared = (group for group in (BROWSER, f"{END_TO_END}/") if file.startswith(group))
        return next(shared, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Return the scheduler that xdist uses."""
    return FilesTogether(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the long tests, and run the end-to-end tests first, so that workers are not idle at the end."""
    for item in items:
        if item.path.relative_to(ROOT).as_posix().startswith(LONG):
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: not item.path.is_relative_to(ROOT / END_TO_END))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Limit the duration of every asynchronous test."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.obj = within_limit(item.obj)


def within_limit(
    test: Callable[Arguments, Awaitable[None]],
) -> Callable[Arguments, Awaitable[None]]:
    """Return `test` with a time limit. After LONGEST_TEST_SECONDS, the current `await` raises TimeoutError."""

    @functools.wraps(test)
    async def limited(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        async with asyncio.timeout(LONGEST_TEST_SECONDS):
            await test(*args, **kwargs)

    return limited
