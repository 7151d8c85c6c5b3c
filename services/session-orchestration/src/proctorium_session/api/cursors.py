"""The cursors of live streams: the last revision that the client has received."""

from __future__ import annotations

NO_REVISION = -1
"""Before every revision: the client receives everything."""

_MAX_DIGITS = 18


def cursor_text(revision: int) -> str:
    """Return the cursor of a client that has received this revision."""
    return str(revision)


def cursor_revision(cursor: str) -> int:
    """Return the revision of a cursor; `NO_REVISION` for an empty or invalid one."""
    if cursor.isascii() and cursor.isdigit() and len(cursor) <= _MAX_DIGITS:
        return int(cursor)
    return NO_REVISION
