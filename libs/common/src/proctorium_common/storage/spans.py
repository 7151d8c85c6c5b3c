"""Spans of database work. A span is created only if the current trace is recorded.

If the current trace is not recorded, the functions cost only one attribute look-up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from sqlalchemy import ClauseElement, Executable, TextClause
from sqlalchemy.dialects import postgresql

from proctorium_common.telemetry.traces import span

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_CHANGE = re.compile(
    r"\b(INSERT)\s+INTO\s+(\w+)|(?<!\bDO )(?<!\bFOR )(?<!\bKEY )\b(UPDATE)\s+(\w+)|\b(DELETE)\s+FROM\s+(\w+)",
    re.IGNORECASE,
)
_READ = re.compile(r"\bFROM\s+(\w+)\b(?!\s*\()", re.IGNORECASE)


@contextmanager
def recorded(name: str) -> Iterator[None]:
    """Run the block in a client span if the current span is recording."""
    if not trace.get_current_span().is_recording():
        yield
        return
    with span(name, kind=SpanKind.CLIENT, attributes={"db.system.name": "postgresql"}):
        yield


@contextmanager
def statement(executed: Executable | str) -> Iterator[None]:
    """Run the block in a client span that is named after the statement, such as `SELECT participants`."""
    if not trace.get_current_span().is_recording():
        yield
        return
    with recorded(name_of(executed)):
        yield


def name_of(executed: Executable | str) -> str:
    """Return the operation and the table of a statement, such as `UPDATE participants`.

    The table is the first table that the statement changes. If the statement changes no table, the table is the first
    table that the statement reads.
    """
    if isinstance(executed, TextClause):
        executed = executed.text
    if isinstance(executed, ClauseElement):
        executed = str(executed.compile(dialect=_DIALECT))
    return _name_of_text(str(executed))


@lru_cache(maxsize=512)
def _name_of_text(text: str) -> str:
    change = _CHANGE.search(text)
    if change is not None:
        verb, table = filter(None, change.groups())
        return f"{verb.upper()} {table}"
    read = _READ.search(text)
    return f"SELECT {read.group(1)}" if read else text.split(maxsplit=1)[0].upper()
