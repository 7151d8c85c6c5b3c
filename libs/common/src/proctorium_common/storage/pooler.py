"""Refusal of connections that lead to a connection pooler, such as PgBouncer, and not to PostgreSQL itself.

A pooler in transaction mode can give each transaction of a client another session of PostgreSQL. Then notifications are
lost, advisory locks do not exclude other replicas, and time limits and prepared statements belong to another session.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


class PoolerError(Exception):
    """The URL of the database leads to a connection pooler."""

    def __init__(self) -> None:
        super().__init__(
            "The database URL leads to a connection pooler, such as PgBouncer. Connect to PostgreSQL directly: every"
            " process has a pool of its own, and uses notifications and locks that belong to one connection."
        )


@contextmanager
def pooler_recognised() -> Iterator[None]:
    """Convert the error of a pooler that refuses the settings of a connection to PoolerError."""
    try:
        yield
    except asyncpg.ProtocolViolationError as error:
        if "unsupported startup parameter" in str(error):
            raise PoolerError from error
        raise


async def require_direct(connection: Connection) -> None:
    """Raise PoolerError if the connection leads to a connection pooler.

    When a connection is opened, PostgreSQL sends the id of the process that serves it. A pooler sends another
    number, even in session mode.
    """
    if await connection.fetchval("SELECT pg_backend_pid()") != connection.get_server_pid():
        raise PoolerError
