"""How all tests run.

Three workers share the files; the tests of one file run on one worker. The end-to-end tests share a running system: one
worker runs those with a browser, another one the rest. Property tests have no deadline, because the machine may be
busy. A test that hangs fails and reports where it waits. A fixture or thread that hangs ends its worker, with the
stacks of all threads (`faulthandler_timeout` in pyproject.toml).
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

# Tests that start a process as another user fork, and gRPC's fork handlers sometimes crash one of its running threads
# ("event_engine", SIGSEGV). Our forks only execute another program. gRPC reads this variable when it is imported.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

settings.register_profile("proctorium", deadline=None)
settings.load_profile("proctorium")

ROOT = Path(__file__).parent
END_TO_END = "tests/e2e"
BROWSER = f"{END_TO_END}/test_browser"
# Long tests in which other programs do the work (browsers, Envoy, image decoders), so that the Python version does not
# matter: `.ci/run` runs them on one Python only.
LONG = (
    BROWSER,
    "tests/e2e/test_attack",
    "tests/e2e/test_bench",
    "libs/devstack/tests/edge/",
    "services/identity-verification/tests/integration/test_image_reader",
)
# On two otherwise idle cores, tests/fuzz takes half of this and the slowest of the other tests half too.
LONGEST_TEST_SECONDS = 120.0

Arguments = ParamSpec("Arguments")


class FilesTogether(LoadScopeScheduling):
    """A scheduler that runs all tests of a file on one worker, so that their shared fixtures are set up once."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        shared = (group for group in (BROWSER, f"{END_TO_END}/") if file.startswith(group))
        return next(shared, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Make xdist schedule the tests by `FilesTogether`."""
    return FilesTogether(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest groups first, so that no worker waits for them at the end, and mark the long tests."""
    for item in items:
        if item.path.relative_to(ROOT).as_posix().startswith(LONG):
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: not item.path.is_relative_to(ROOT / END_TO_END))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Limit the time of every asynchronous test."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.obj = within_limit(item.obj)


def within_limit(
    test: Callable[Arguments, Awaitable[None]],
) -> Callable[Arguments, Awaitable[None]]:
    """Return `test` with a limit: after LONGEST_TEST_SECONDS it raises TimeoutError from where it waits."""

    @functools.wraps(test)
    async def limited(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        async with asyncio.timeout(LONGEST_TEST_SECONDS):
            await test(*args, **kwargs)

    return limited
