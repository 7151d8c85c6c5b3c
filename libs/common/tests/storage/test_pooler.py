"""Tests of the refusal of connections through a connection pooler.

The test class `Pooler` imitates only the behaviour by which a pooler is detected.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url

from proctorium_common.storage.database import Database
from proctorium_common.storage.pooler import PoolerError
from proctorium_devstack.testing.waiting import until

from ..conftest import Migrated
from ..process.program import run, with_key, without_broker
from ..process.sample import PACKAGE

if TYPE_CHECKING:
    from proctorium_common.storage.pooler import Connection

_KEY_OF_PROCESS = b"K\x00\x00\x00\x0c"
"""The first five bytes of BackendKeyData. The id of the process follows."""
_REFUSAL = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: statement_timeout\0\0"


class Pooler:
    """A proxy that sends an id of its own instead of that of PostgreSQL's process, or refuses the connection."""

    def __init__(self, host: str, port: int, *, refuses: bool) -> None:
        self._server = host, port
        self._refuses = refuses

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        if self._refuses:
            (length,) = struct.unpack("!I", await reader.readexactly(4))
            await reader.readexactly(length - 4)
            writer.write(b"E" + struct.pack("!I", len(_REFUSAL) + 4) + _REFUSAL)
            writer.close()
            return
        to_server = await asyncio.open_connection(*self._server)
        await asyncio.gather(_copy(reader, to_server[1]), _copy(to_server[0], writer, rewrite=True))


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, rewrite: bool = False
) -> None:
    while data := await reader.read(65536):
        before, found, after = data.partition(_KEY_OF_PROCESS)
        if rewrite and found:
            data = before + found + struct.pack("!I", 7) + after[4:]
        writer.write(data)
    writer.close()


@asynccontextmanager
async def through_pooler(url: str, *, refuses: bool) -> AsyncIterator[str]:
    """Yield the URL of a pooler in front of the database."""
    direct = make_url(url)
    assert direct.host is not None
    assert direct.port is not None
    pooler = Pooler(direct.host, direct.port, refuses=refuses)
    server = await asyncio.start_server(pooler.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        there = direct.set(port=port, query={"sslmode": "disable"})
        yield there.render_as_string(hide_password=False)


@pytest.mark.parametrize("refuses", [False, True], ids=["accepts settings", "refuses settings"])
async def test_connection_through_a_pooler_is_refused(
    migrated_database: Migrated, refuses: bool
) -> None:
    async with through_pooler(migrated_database(PACKAGE), refuses=refuses) as url:
        database = Database(url)
        with pytest.raises(PoolerError):
            await database.ping()
        await database.close()


@pytest.mark.parametrize("command", ["serve", "migrate"])
async def test_command_through_a_pooler_fails_with_exit_code_2(
    migrated_database: Migrated, command: str
) -> None:
    direct = await with_key(migrated_database(PACKAGE))
    async with through_pooler(direct, refuses=False) as url:
        code, _, err = await run(command, **without_broker(url))
    assert code == 2
    assert err.startswith("The database URL leads to a connection pooler")
    assert len(err.splitlines()) == 1


async def test_connection_is_closed_if_opening_it_is_cancelled(
    migrated_database: Migrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Connection] = []

    async def never(connection: Connection) -> None:
        opened.append(connection)
        await asyncio.Event().wait()

    monkeypatch.setattr("proctorium_common.storage.database.require_direct", never)
    connecting = asyncio.create_task(Database(migrated_database(PACKAGE)).connect())
    await until(lambda: opened)
    connecting.cancel()
    await asyncio.wait([connecting])
    assert opened[0].is_closed()
