"""Cursors of live streams: the revision that was sent last."""

from __future__ import annotations

NOTHING = -1
"""Older than every revision: whoever comes with it is sent what there is."""

_LONGEST = 18


def cursor_of(revision: int) -> str:
    """The cursor to come back with after this revision."""
    return str(revision)


def revision_of(cursor: str) -> int:
    """The revision that a cursor says; what is no cursor of ours says `NOTHING`."""
    if cursor.isascii() and cursor.isdigit() and len(cursor) <= _LONGEST:
        return int(cursor)
    return NOTHING
