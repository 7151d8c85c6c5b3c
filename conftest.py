"""The configuration of all test runs.

Three workers run the tests. All tests of one file run on the same worker. The end-to-end tests run first. One worker
runs all end-to-end tests without a browser, and the other workers begin with the tests with a browser. Each worker
starts one system for all its end-to-end tests, and stops the system before the other tests. Property tests have no
deadline, because the machine may be busy. A test that hangs fails after a time limit, and its traceback shows where the
test waited. If a fixture or a thread hangs, the worker prints the stacks of all threads and ends
(`faulthandler_timeout` in pyproject.toml).
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

# Disable gRPC's fork handlers, which sometimes crash gRPC's thread "event_engine" with SIGSEGV. The handlers would run
# when a test forks to start a program as another user. The forked process does not need the handlers, because it does
# not use gRPC. gRPC reads this variable when gRPC is imported, so the variable must be set here.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

settings.register_profile("proctorium", deadline=None)
settings.load_profile("proctorium")

ROOT = Path(__file__).parent
END_TO_END = "tests/e2e"
BROWSER = f"{END_TO_END}/test_browser"
# The paths of long tests whose result depends mainly on other programs, such as browsers, Envoy and image decoders, or
# that measure or generate for a long time.
# `.ci/run` runs these tests with only one Python version, because another Python version would hardly change their
# result.
LONG = (
    BROWSER,
    "tests/e2e/test_attack",
    "tests/e2e/test_ablations",
    "tests/e2e/test_bench",
    "tests/e2e/test_demo_data",
    "tests/e2e/test_edge_keys",
    "tests/e2e/test_time_without_broker",
    "tests/fuzz/",
    "libs/devstack/tests/edge/",
    "services/identity-verification/tests/integration/test_image_reader",
)
# The time limit of a test. On two idle cores, the slowest tests (such as tests/fuzz) need about half of the limit.
LONGEST_TEST_SECONDS = 120.0

Arguments = ParamSpec("Arguments")


class FilesTogether(LoadScopeScheduling):
    """A scheduler that runs all tests of a file on one worker.

    Therefore the fixtures that are shared by the tests of a file are set up only once. All end-to-end tests without a
    browser run on one worker, because some of them measure, and would slow each other down.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(f"{END_TO_END}/") and not file.startswith(BROWSER):
            return END_TO_END
        return file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Return the scheduler that xdist uses."""
    return FilesTogether(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the long tests, and move the end-to-end tests to the beginning.

    If the end-to-end tests ran last, one worker would run them while the other workers are idle.
    """
    for item in items:
        if item.path.relative_to(ROOT).as_posix().startswith(LONG):
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: not item.path.is_relative_to(ROOT / END_TO_END))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Set a time limit for the test if the test is asynchronous."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.obj = within_limit(item.obj)


def within_limit(
    test: Callable[Arguments, Awaitable[None]],
) -> Callable[Arguments, Awaitable[None]]:
    """Return a function that runs `test` with the time limit LONGEST_TEST_SECONDS.

    When the time limit is reached, the current `await` of the test raises TimeoutError.
    """

    @functools.wraps(test)
    async def limited(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        async with asyncio.timeout(LONGEST_TEST_SECONDS):
            await test(*args, **kwargs)

    return limited
