"""Test that concurrently started migrations run once, and that the database protects permanent tables."""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from proctorium_common.storage.database import Database
from proctorium_common.storage.migrations import at_head, differences, draft, upgrade
from proctorium_devstack.components.postgres import Postgres
from proctorium_devstack.testing import AsOwner

from ..conftest import SAMPLE
from ..sample.storage.tables import metadata, record

_MIGRATE = f"""
import asyncio, sys
from proctorium_common.storage.migrations import upgrade
asyncio.run(upgrade(sys.argv[1], {SAMPLE!r}))
"""


async def revisions(url: str) -> list[str]:
    database = Database(url)
    async with database.transaction() as transaction:
        found = await transaction.execute(text("SELECT version_num FROM alembic_version"))
        versions = [str(row.version_num) for row in found]
    await database.close()
    return versions


async def test_empty_database_is_migrated_to_head(empty_database: str) -> None:
    assert not await at_head(empty_database, SAMPLE)
    await upgrade(empty_database, SAMPLE)
    assert await at_head(empty_database, SAMPLE)
    await upgrade(empty_database, SAMPLE)
    assert await revisions(empty_database) == ["0005"]


async def test_database_migrated_by_a_newer_version_is_unchanged(
    empty_database: str,
) -> None:
    await upgrade(empty_database, SAMPLE)
    database = Database(empty_database)
    async with database.transaction() as transaction:
        await transaction.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()
    assert await at_head(empty_database, SAMPLE), "both versions run concurrently during an update"
    await upgrade(empty_database, SAMPLE)
    assert await revisions(empty_database) == ["9999"]


async def test_database_at_an_older_revision_is_not_at_head(empty_database: str) -> None:
    await upgrade(empty_database, SAMPLE)
    database = Database(empty_database)
    async with database.transaction() as transaction:
        await transaction.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    await database.close()
    assert not await at_head(empty_database, SAMPLE)


async def test_migrated_database_matches_the_tables(empty_database: str) -> None:
    await upgrade(empty_database, SAMPLE)
    assert await differences(empty_database, SAMPLE) == []


async def test_difference_between_tables_and_database_is_reported(empty_database: str) -> None:
    await upgrade(empty_database, SAMPLE)
    database = Database(empty_database)
    async with database.transaction() as transaction:
        await transaction.execute(text("ALTER TABLE outbox DROP COLUMN published_at"))
    await database.close()
    assert "published_at" in "".join(await differences(empty_database, SAMPLE))


async def test_concurrent_migrations_run_once(empty_database: str) -> None:
    started = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", _MIGRATE, empty_database)
        for _ in range(3)
    ]
    assert [await process.wait() for process in started] == [0, 0, 0]
    assert await revisions(empty_database) == ["0005"]


async def test_draft_contains_the_missing_table(empty_database: str) -> None:
    import sqlalchemy as sa

    await upgrade(empty_database, SAMPLE)
    added = sa.Table("added", metadata, sa.Column("id", sa.Integer, primary_key=True))
    try:
        written = await draft(empty_database, SAMPLE, "another table")
    finally:
        metadata.remove(added)
    try:
        assert written.name == "0006_another_table.py"
        content = written.read_text(encoding="utf-8")
        assert "op.create_table('added'" in content
        assert "down_revision = '0005'" in content
    finally:
        written.unlink()


@pytest.mark.parametrize(
    "change",
    ["UPDATE record SET line = 'other'", "DELETE FROM record", "TRUNCATE record"],
    ids=["update", "delete", "truncate"],
)
async def test_rows_of_a_permanent_table_cannot_be_changed(
    database: Database, as_owner: AsOwner, change: str
) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(insert(record), {"line": "first"})

    with pytest.raises(asyncpg.PostgresError, match="rows of record are permanent"):
        await as_owner(database.url, change)
    async with database.transaction() as transaction:
        await transaction.execute(insert(record), {"line": "second"})
        found = await transaction.execute(text("SELECT line FROM record ORDER BY line"))
        assert [row.line for row in found] == ["first", "second"]


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE effects",
        "ALTER TABLE record DISABLE TRIGGER forbid_changes",
        "DROP TRIGGER forbid_changes ON record",
        "CREATE OR REPLACE FUNCTION forbid_changes() RETURNS trigger LANGUAGE sql AS 'SELECT NULL'",
        "SET session_replication_role = replica",
        "CREATE TABLE mine (line text)",
        "UPDATE alembic_version SET version_num = '9999'",
    ],
)
async def test_service_role_cannot_disable_protections(database: Database, statement: str) -> None:
    async def execute_statement() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(text(statement))

    with pytest.raises(DBAPIError, match=r"must be owner|permission denied"):
        await execute_statement()


async def test_service_role_may_use_tables_of_later_revisions(
    postgres: Postgres, as_owner: AsOwner
) -> None:
    url = await postgres.ensure_migrated("later_revision", SAMPLE, role="proctorium")
    await as_owner(url, "CREATE TABLE added (line text)")
    assert await postgres.ensure_migrated("later_revision", SAMPLE, role="proctorium") == url
    database = Database(url)
    async with database.transaction() as transaction:
        await transaction.execute(text("INSERT INTO added VALUES ('one')"))
    await database.close()
    await postgres.drop_database("later_revision")


async def test_tables_owned_by_the_service_are_transferred_to_the_owner(
    postgres: Postgres, as_owner: AsOwner
) -> None:
    await upgrade(await postgres.ensure_database("owned_by_service"), SAMPLE)
    url = await postgres.ensure_migrated("owned_by_service", SAMPLE)
    database = Database(url)
    async with database.transaction() as transaction:
        await transaction.execute(insert(record), {"line": "first"})
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.transaction() as transaction:
            await transaction.execute(text("TRUNCATE effects"))
    await database.close()
    await as_owner(url, "TRUNCATE effects")
    await postgres.drop_database("owned_by_service")
