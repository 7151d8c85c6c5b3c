"""The cursors of live streams. A cursor contains the newest revision that the client has received."""

from __future__ import annotations

NO_REVISION = -1
"""The revision for a client that has received no revision. It is lower than every revision."""

_MAX_DIGITS = 18


def cursor_text(revision: int) -> str:
    """Return the cursor for a client that has received `revision`."""
    return str(revision)


def cursor_revision(cursor: str) -> int:
    """Return the revision in a cursor, or `NO_REVISION` if the cursor is empty or invalid."""
    if cursor.isascii() and cursor.isdigit() and len(cursor) <= _MAX_DIGITS:
        return int(cursor)
    return NO_REVISION
