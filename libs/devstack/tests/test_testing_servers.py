"""The fixtures everybody's tests stand on."""

from __future__ import annotations

import asyncpg
import pytest

from proctorium_devstack.components.nats import Nats
from proctorium_devstack.components.postgres import Postgres
from proctorium_devstack.testing import TESTER


def _plain(url: str) -> str:
    return url.replace("+asyncpg", "")


async def test_a_fresh_database_is_empty_and_belongs_to_a_role_without_rights(
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
        await connection.execute("CREATE TABLE mine (id uuid PRIMARY KEY DEFAULT uuidv7())")
    finally:
        await connection.close()
    assert (tables, superuser) == (0, False)


async def test_a_wrong_password_is_refused(postgres: Postgres) -> None:
    url = _plain(await postgres.ensure_database("refused"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url.replace(url.split("@")[0].split(":")[-1], "wrong"))


async def test_a_copy_of_a_database_holds_what_its_template_holds(postgres: Postgres) -> None:
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


async def test_a_wiped_broker_has_forgotten_its_streams_and_a_restarted_one_has_not(
    own_nats: Nats,
) -> None:
    await _add_stream(own_nats)
    await own_nats.stop()
    await own_nats.start()
    assert await _streams(own_nats) == ["KEPT"]
    await own_nats.wipe()
    assert await _streams(own_nats) == []


async def _add_stream(server: Nats) -> None:
    client = await server.connect(TESTER)
    await client.jetstream().add_stream(name="KEPT", subjects=["kept.>"])
    await client.close()


async def _streams(server: Nats) -> list[str]:
    client = await server.connect(TESTER)
    found = await client.jetstream().streams_info()
    await client.close()
    return [str(stream.config.name) for stream in found]
