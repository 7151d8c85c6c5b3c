"""Transient database errors, and their conversion to the ServiceError that callers receive."""

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
        "25P03",  # idle in transaction timeout
        "57P01",  # the server is shutting down
        "57P02",  # the server crashed
        "57P03",  # the server is starting or recovering
        "25006",  # read-only transaction, because the connection leads to a standby after a failover
    }
)
CONNECTION_ERRORS = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # A connection that the server is closing raises this error.
    asyncpg.InternalClientError,
)
"""The errors that a driver connection raises if the database is unavailable or refuses the connection."""

_OUTDATED = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)
"""The errors of a prepared statement after a migration has changed a table that the statement uses.

These errors are transient, because the driver prepares the statement again when the statement is retried.
"""

_CLASSES = ("08", "53")  # 08: connection lost; 53: out of connections, memory or disk space


@contextmanager
def unavailable_on_transient_errors(*, network: bool = True) -> Iterator[None]:
    """Convert transient database errors in the block to ServiceError UNAVAILABLE.

    With `network`, every OSError is converted too. Use `network` only where the block does nothing but call the driver,
    because other code raises OSError for other reasons.
    """
    try:
        yield
    except OSError as error:  # TimeoutError is a subclass of OSError
        if network:
            raise _unavailable() from error
        raise
    except (DBAPIError, PoolTimeout, *CONNECTION_ERRORS) as error:
        if is_transient(error):
            raise _unavailable() from error
        raise


def is_transient(error: Exception) -> bool:
    """Return whether a retry may succeed after `error`."""
    if isinstance(error, (PoolTimeout, asyncpg.InternalClientError, *_OUTDATED)):
        return True
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        cause = error.orig.__cause__ if error.orig is not None else None
        return isinstance(cause, Exception) and is_transient(cause)
    if isinstance(error, asyncpg.InterfaceError):
        return "clos" in str(
            error
        )  # "connection is closed" or "connection was closed in the middle of operation"
    state = getattr(error, "sqlstate", None) or ""
    return state in _STATES or state.startswith(_CLASSES)


def _unavailable() -> Exception:
    return unavailable(
        REASON, "The database is unavailable at the moment. Nothing was changed. Please try again."
    )
