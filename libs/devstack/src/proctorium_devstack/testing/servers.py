"""The fixtures for PostgreSQL and NATS.

Slow imports are inside functions, because every test run loads this plugin.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import threading
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from proctorium_devstack.ports import free_ports

if TYPE_CHECKING:
    from proctorium_common.topology import Topology
    from proctorium_devstack.components.nats import Nats
    from proctorium_devstack.components.postgres import Postgres

T = TypeVar("T")

MigratedDatabase = Callable[[str], str]
SharedServers = Callable[[str], "Servers"]
AsOwner = Callable[..., Awaitable[None]]
"""The type of a function that is called as `await as_owner(url, statement, *arguments)`."""
TESTER = "tester"
"""A NATS user with all permissions, for tests that need more permissions than a service has."""
_PREFIX = "proctorium-test-"
_ROLE = "proctorium"


@dataclass(frozen=True)
class Servers:
    """The database and the broker of one service."""

    database_url: str
    nats: Nats


class Background:
    """An event loop in a separate thread.

    Fixtures are synchronous, because only synchronous fixtures work with all tests. They run coroutines on this loop.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="proctorium-testing", daemon=True
        )
        self._thread.start()

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Run a coroutine until it ends, and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """Stop the loop and its thread.

        Call this method only after the processes that were started on the loop have ended, because the thread is their
        parent.
        """
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="session")
def _background() -> Iterator[Background]:
    background = Background()
    yield background
    background.close()


@pytest.fixture(scope="session")
def devstack_folder() -> Iterator[Path]:
    """Yield a folder that an unprivileged user may enter, because tests may run as root."""
    _remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(_background: Background, devstack_folder: Path) -> Iterator[Postgres]:
    """Yield a PostgreSQL server for all tests of this run."""
    from proctorium_devstack.components.postgres import Postgres

    server = Postgres(
        devstack_folder / "postgres",
        free_ports(1)[0],
        devstack_folder / "postgres.log",
        durable=False,
    )
    _background.run(server.start())
    yield server
    _background.run(server.stop())


@pytest.fixture
def empty_database(postgres: Postgres, _background: Background) -> Iterator[str]:
    """Yield the URL of an empty database."""
    name = f"test_{uuid.uuid4().hex}"
    yield _background.run(postgres.ensure_database(name, owner="proctorium"))
    _background.run(postgres.drop_database(name))


@pytest.fixture
def migrated_database(postgres: Postgres, _background: Background) -> Iterator[MigratedDatabase]:
    """Yield a function that creates a database with the migrations of a package.

    The database is a copy of a template database that has these migrations.
    """
    created: list[str] = []

    def create(package: str) -> str:
        template = _background.run(_template(postgres, package))
        created.append(f"test_{uuid.uuid4().hex}")
        # The copy of the template has the same tables, and gives the service's role the same permissions.
        _background.run(
            postgres.ensure_database(created[-1], template=template, owner=f"{_ROLE}_owner")
        )
        return postgres.url(created[-1], _ROLE)

    yield create
    for name in created:
        _background.run(postgres.drop_database(name))


@pytest.fixture(scope="session")
def as_owner(postgres: Postgres) -> AsOwner:
    """Return a function that executes a statement as the owner of a database's tables."""
    import asyncpg
    from sqlalchemy import make_url

    async def run(url: str, statement: str, *arguments: object) -> None:
        parsed = make_url(url)
        connection = await asyncpg.connect(
            postgres.url(parsed.database or "", f"{parsed.username}_owner")
        )
        try:
            await connection.execute(statement, *arguments)
        finally:
            await connection.close()

    return run


@pytest.fixture(scope="session")
def nats(_background: Background, devstack_folder: Path) -> Iterator[Nats]:
    """Yield a NATS server for all tests of this run. All tests share the server's streams."""
    from proctorium_common.topology import services

    with _broker(_background, devstack_folder / "nats", services()) as server:
        yield server


@pytest.fixture
def broker_topology() -> Topology:
    """Return the topology of `own_nats`. Tests that define their own services override this fixture."""
    from proctorium_common.topology import services

    return services()


@pytest.fixture
def own_nats(
    _background: Background,
    devstack_folder: Path,
    broker_topology: Topology,
) -> Iterator[Nats]:
    """Yield a NATS server for one test. The server has no streams."""
    folder = devstack_folder / f"nats-{uuid.uuid4().hex}"
    with _broker(_background, folder, broker_topology) as server:
        yield server


@pytest.fixture(scope="session")
def shared_servers(
    postgres: Postgres, _background: Background, devstack_folder: Path
) -> Iterator[SharedServers]:
    """Yield a function that is called with the package of a service and returns the service's servers.

    The servers are a database with the migrations of the package, and a broker with all streams.
    """
    from proctorium_common.topology import services

    with contextlib.ExitStack() as brokers:

        def make(package: str) -> Servers:
            folder = devstack_folder / f"nats-{package}"
            server = brokers.enter_context(_broker(_background, folder, services()))
            _background.run(server.declare())
            url = _background.run(postgres.ensure_migrated(f"tests_{package}", package, role=_ROLE))
            return Servers(url, server)

        yield make


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Return the function that tests call to get a free port."""
    return lambda: free_ports(1)[0]


@contextlib.contextmanager
def _broker(background: Background, folder: Path, topology: Topology) -> Iterator[Nats]:
    from proctorium_common.events.permissions import BrokerUser
    from proctorium_devstack.components.nats import Nats

    server = Nats(
        folder,
        free_ports(1)[0],
        folder.with_suffix(".log"),
        topology=topology,
        more_users=[BrokerUser(TESTER, publish=None, subscribe=None)],
    )
    background.run(server.start())
    yield server
    background.run(server.stop())


async def _template(postgres: Postgres, package: str) -> str:
    """Return the name of the template database with the migrations of `package`. The first call creates it."""
    name = f"template_{package}"
    connection = await postgres.connect()
    try:
        exists = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name)
    finally:
        await connection.close()
    if not exists:
        await postgres.ensure_migrated(f"{name}_unfinished", package, role=_ROLE)
        connection = await postgres.connect()
        try:
            await connection.execute(f'ALTER DATABASE "{name}_unfinished" RENAME TO "{name}"')
        finally:
            await connection.close()
    return name


def _remove_leftovers() -> None:
    """Remove the folders of test runs that were killed. These are the runs whose process no longer exists."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(ValueError, OSError):
            if not _is_alive(int(folder.name.removeprefix(_PREFIX).split("-")[0])):
                shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
