"""Schema migrations with Alembic. A migration runs while the previous version of the service is still serving.

A service has numbered revisions in `<package>/storage/migrations/versions/`, but no env.py and no alembic.ini. There
are no downgrades. A schema is changed in three steps: expand, backfill and contract. An advisory lock ensures that only
one migration runs at a time. Timeouts of locks and statements abort a migration that would block the service for long.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from proctorium_common.storage import tables
from proctorium_common.storage.database import Database, TimeLimits
from proctorium_common.storage.schema import (
    create_common_tables,
    create_page_token_keys,
    forbid_changes,
)
from proctorium_common.telemetry.logs import get_logger

__all__ = [
    "NotOwnerError",
    "at_head",
    "create_common_tables",
    "create_page_token_keys",
    "differences",
    "draft",
    "forbid_changes",
    "upgrade",
]

T = TypeVar("T")

_log = get_logger()

_LOCK_KEY = 0x70726F63746D6967  # "proctmig"
_LOCK_RETRY = 0.05
_LIMITS = TimeLimits(statement=timedelta(minutes=5), lock=timedelta(seconds=4))

_INSUFFICIENT_PRIVILEGE = "42501"
_GRANTS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
)

# Alembic stores the running migration in module variables, so a process can run only one migration at a time. Each
# migration therefore holds this lock.
_ALEMBIC = threading.Lock()


class NotOwnerError(Exception):
    """The role in the database URL is not allowed to change the tables. The operator reads the message of the error."""


async def upgrade(
    url: str,
    package: str,
    *,
    service_role: str | None = None,
    wait: timedelta = timedelta(minutes=5),
) -> None:
    """Upgrade the database at `url` to the newest revision of `package` (such as `proctorium_session`).

    The role in `url` owns the tables. If the service connects with another role, pass that role as `service_role`.
    `service_role` gets only the privileges to read and write rows, so that the service cannot drop triggers or
    constraints.

    The schema is not changed if it is at the newest revision, or was migrated by a newer version of the service. If
    another migration is running, waits until it has ended, for at most `wait`. Raises TimeoutError, NotOwnerError.
    """

    async def run(connection: AsyncConnection) -> None:
        await _lock(connection, wait)
        before = await connection.run_sync(_heads)
        await connection.commit()
        if _is_newer(before, package):
            _log.warning("database_is_newer", package=package, revisions=before)
            return
        try:
            await connection.run_sync(lambda sync: command.upgrade(_config(package, sync), "head"))
        except DBAPIError as refused:
            if getattr(refused.orig, "sqlstate", "") == _INSUFFICIENT_PRIVILEGE:
                raise NotOwnerError(
                    f"this role is not allowed to change the tables: {refused.orig}"
                ) from refused
            raise
        await connection.commit()
        if service_role is not None:
            await _grant(connection, service_role)
        after = await connection.run_sync(_heads)
        if before != after:
            _log.info("database_migrated", package=package, before=before, after=after)

    await _run_in_thread(url, run)


async def at_head(url: str, package: str) -> bool:
    """Return whether the database is at the newest revision of `package`, or at a revision of a newer release."""

    async def run(connection: AsyncConnection) -> bool:
        found = await connection.run_sync(_heads)
        return found == _newest(package) or _is_newer(found, package)

    return await _run_in_thread(url, run)


async def differences(url: str, package: str) -> list[str]:
    """Return the differences that `alembic check` would report between the migrated database and the declared tables.

    The declared tables are the tables in the code of `package` and the common tables. A test of each service asserts
    that there are no differences.
    """
    declared = [tables.metadata, *_tables_of(package)]

    def compare(connection: Connection) -> list[str]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        # `compare_metadata` accepts several MetaData, although its annotation allows only one MetaData.
        found = compare_metadata(context, declared)  # type: ignore[arg-type]
        return [repr(difference) for difference in found]

    async def run(connection: AsyncConnection) -> list[str]:
        return await connection.run_sync(compare)

    return await _run_in_thread(url, run)


async def draft(url: str, package: str, message: str) -> Path:
    """Write a draft of the next revision of `package`, and return its path.

    The draft contains the changes after which the database at `url` has the declared tables. The author has to review
    the draft, and has to make sure that the migration is safe while the previous version of the service is serving.
    """

    def write(connection: Connection) -> Path:
        number = f"{len(list(_scripts(package).walk_revisions())) + 1:04}"
        made = command.revision(
            _config(package, connection), message, autogenerate=True, rev_id=number
        )
        assert not isinstance(made, list), "one message makes one revision"
        assert made is not None
        return Path(made.path)

    async def run(connection: AsyncConnection) -> Path:
        return await connection.run_sync(write)

    return await _run_in_thread(url, run)


async def _run_in_thread(url: str, run: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Call `run` with a new connection in a thread, so that waiting for `_ALEMBIC` does not block the event loop."""

    async def connected() -> T:
        async with _connection(url) as connection:
            return await run(connection)

    def in_thread() -> T:
        with _ALEMBIC:
            return asyncio.run(connected())

    return await asyncio.to_thread(in_thread)


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[AsyncConnection]:
    database = Database(url, limits=_LIMITS, application="proctorium-migrations")
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=database.connect, poolclass=NullPool
    )
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()
        await database.close()


async def _lock(connection: AsyncConnection, wait: timedelta) -> None:
    """Poll for the advisory lock for at most `wait`. Raises TimeoutError.

    The lock is polled, because a statement that waits for the lock would hold a snapshot. CREATE INDEX CONCURRENTLY in
    another migration would wait for the release of this snapshot.
    """
    try_lock = text("SELECT pg_try_advisory_lock(:key)")
    async with asyncio.timeout(wait.total_seconds()):
        while not (await connection.execute(try_lock, {"key": _LOCK_KEY})).scalar_one():
            await connection.commit()
            await asyncio.sleep(_LOCK_RETRY)
    await connection.commit()


async def _grant(connection: AsyncConnection, role: str) -> None:
    """Grant `role` the privileges that a service needs, unless `role` is the owner of the tables."""
    if role != (await connection.execute(text("SELECT current_user"))).scalar_one():
        quoted = connection.dialect.identifier_preparer.quote_identifier(role)
        for statement in _GRANTS:
            await connection.execute(text(statement.format(role=quoted)))
    await connection.commit()


def _config(package: str, connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "proctorium_common.storage:alembic")
    config.set_main_option("path_separator", "newline")
    # Double each percent sign, because Alembic's configuration interprets a single percent sign as an interpolation.
    config.set_main_option("version_locations", str(_versions(package)).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = [tables.metadata, *_tables_of(package)]
    return config


def _scripts(package: str) -> ScriptDirectory:
    return ScriptDirectory(
        str(Path(__file__).parent / "alembic"), version_locations=[str(_versions(package))]
    )


def _versions(package: str) -> Path:
    return Path(str(files(f"{package}.storage.migrations"))) / "versions"


def _tables_of(package: str) -> list[MetaData]:
    declared: MetaData = importlib.import_module(f"{package}.storage.tables").metadata
    return [declared]


def _heads(connection: Connection) -> list[str]:
    return sorted(MigrationContext.configure(connection).get_current_heads())


def _is_newer(found: list[str], package: str) -> bool:
    """Return whether `found` contains a revision that this version of `package` does not have."""
    known = {script.revision for script in _scripts(package).walk_revisions()}
    return not known.issuperset(found)


def _newest(package: str) -> list[str]:
    return sorted(_scripts(package).get_heads())
