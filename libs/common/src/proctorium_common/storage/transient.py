"""Transient failures of the database, and the error that callers receive for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from proctorium_common.errors import unavailable

REASON = "DATABASE_UNAVAILABLE"

_STATES = frozenset(
    {
        "40001",  # serialization failure
        "40P01",  # deadlock
        "55P03",  # lock timeout
        "57014",  # statement timeout
        "25P03",  # idle in transaction for too long
        "57P01",  # the server shuts down
        "57P02",  # the server crashed
        "57P03",  # the server starts or recovers
        "25006",  # read only: a standby answers after a fail-over
    }
)
CONNECTION_ERRORS = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # What a connection raises between the server's last message and its end.
    asyncpg.InternalClientError,
)
"""What a connection of the driver's own raises when the database is away, or refuses."""

_OUTDATED = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)
"""A migration changed what a prepared statement reads; the driver has dropped the statement and prepares it again."""

_CLASSES = ("08", "53")  # connection lost; out of connections, memory, disk


@contextmanager
def unavailable_on_transient_errors(*, network: bool = True) -> Iterator[None]:
    """Raise ServiceError UNAVAILABLE for a passing failure of the database within the block; others stay what they are.

    With `network` the block is one call of the driver, so that errors of sockets are the database's too.
    """
    try:
        yield
    except OSError as error:  # TimeoutError is one of them
        if network:
            raise _unavailable() from error
        raise
    except (DBAPIError, PoolTimeout, *CONNECTION_ERRORS) as error:
        if passes_by_itself(error):
            raise _unavailable() from error
        raise


def passes_by_itself(error: Exception) -> bool:
    """Return whether the same work may succeed when it is tried again."""
    if isinstance(error, (PoolTimeout, asyncpg.InternalClientError, *_OUTDATED)):
        return True
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        cause = error.orig.__cause__ if error.orig is not None else None
        return isinstance(cause, Exception) and passes_by_itself(cause)
    if isinstance(error, asyncpg.InterfaceError):
        return "clos" in str(
            error
        )  # "connection is closed", "connection was closed in the middle of operation"
    state = getattr(error, "sqlstate", None) or ""
    return state in _STATES or state.startswith(_CLASSES)


def _unavailable() -> Exception:
    return unavailable(REASON, "The database does not answer now. Nothing was changed; try again.")
