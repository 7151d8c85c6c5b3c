"""The configuration of all test runs.

Three workers run the tests. All tests of one file run on the same worker. The tests of the system run first, and the
tests that check measured times run last. Each worker starts one system for all its end-to-end tests, and stops the
system before the other tests. Property tests have no deadline, because the machine may be busy. A test that hangs fails
after a time limit, and its traceback shows where the test waited. If a fixture or a thread hangs, the worker prints the
stacks of all threads and ends (`faulthandler_timeout` in pyproject.toml).
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
# The path of the tests of the whole system: the end-to-end tests and the fuzzer.
SYSTEM = "tests/"
BROWSER = "tests/e2e/test_browser"
# The path of the tests that check measured times. They run last, when the other workers have little or nothing to do.
MEASURING = "tests/e2e/test_attacks"
# The paths of two kinds of long tests: tests whose result depends mainly on other programs, such as browsers, Envoy,
# Helm and image decoders, and tests that generate messages for a long time.
# `.ci/run` runs these tests with only one Python version, because another Python version would hardly change their
# result.
LONG = (
    BROWSER,
    MEASURING,
    "tests/e2e/test_demo_data",
    "tests/e2e/test_edge_keys",
    "tests/e2e/test_time_without_broker",
    "tests/fuzz/",
    "tools/tests/test_chart",
    "libs/devstack/tests/edge/",
    "services/identity-verification/tests/integration/test_image_reader",
)
# The time limit of a test. On two idle cores, the slowest tests (such as tests/fuzz) need about half of the limit.
# `make gallery` takes many screenshots in each test.
LONGEST_TEST_SECONDS = 1200.0 if "PROCTORIUM_GALLERY" in os.environ else 120.0

Arguments = ParamSpec("Arguments")


class FilesTogether(LoadScopeScheduling):
    """A scheduler that runs all tests of a file on one worker.

    Therefore the fixtures that are shared by the tests of a file are set up only once.
    """

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Return the scheduler that xdist uses."""
    return FilesTogether(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the long tests, and move the tests of the system to the beginning and the tests that measure to the end.

    The tests of the system take a long time. If they ran later, one worker would still run them while the other workers
    are idle.
    """
    for item in items:
        if _path(item).startswith(LONG):
            item.add_marker(pytest.mark.long)
    items.sort(key=_position)


def _path(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT).as_posix()


def _position(item: pytest.Item) -> int:
    if _path(item).startswith(MEASURING):
        return 2
    return 0 if _path(item).startswith(SYSTEM) else 1


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
