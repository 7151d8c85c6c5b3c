"""Tests of the fixtures for PostgreSQL and NATS."""

from __future__ import annotations

import asyncpg
import pytest

from proctorium_devstack.components.nats import Nats
from proctorium_devstack.components.postgres import Postgres
from proctorium_devstack.testing import TESTER


def _plain(url: str) -> str:
    return url.replace("+asyncpg", "")


async def test_new_database_is_empty_and_its_owner_is_not_a_superuser(
    empty_database: str,
) -> None:
    connection = await asyncpg.connect(_plain(empty_database))
    try:
        tables = await connection.fetchval(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        )
        superuser = await connection.fetchval(
            "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        )
        await connection.execute("CREATE TABLE own (id uuid PRIMARY KEY DEFAULT uuidv7())")
    finally:
        await connection.close()
    assert (tables, superuser) == (0, False)


async def test_wrong_password_is_refused(postgres: Postgres) -> None:
    url = _plain(await postgres.ensure_database("refused"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url.replace(url.split("@")[0].split(":")[-1], "wrong"))


async def test_copy_of_a_database_contains_the_data_of_its_template(postgres: Postgres) -> None:
    connection = await asyncpg.connect(
        _plain(await postgres.ensure_database("original", owner="proctorium"))
    )
    await connection.execute("CREATE TABLE answers AS SELECT 42 AS answer")
    await connection.close()
    copy = await asyncpg.connect(
        _plain(await postgres.ensure_database("copy", template="original", owner="proctorium"))
    )
    try:
        assert await copy.fetchval("SELECT answer FROM answers") == 42
    finally:
        await copy.close()


async def test_restart_preserves_streams_and_wipe_deletes_them(
    own_nats: Nats,
) -> None:
    await _add_stream(own_nats)
    await own_nats.stop()
    await own_nats.start()
    assert await _streams(own_nats) == ["TEST"]
    await own_nats.wipe()
    assert await _streams(own_nats) == []


async def _add_stream(server: Nats) -> None:
    client = await server.connect(TESTER)
    await client.jetstream().add_stream(name="TEST", subjects=["test.>"])
    await client.close()


async def _streams(server: Nats) -> list[str]:
    client = await server.connect(TESTER)
    streams = await client.jetstream().streams_info()
    await client.close()
    return [str(stream.config.name) for stream in streams]
