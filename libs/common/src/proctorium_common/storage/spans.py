"""Spans of the storage, made only where somebody is recording: unsampled calls pay one attribute look-up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeAlias

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from sqlalchemy import (
    ClauseElement,
    CompoundSelect,
    Delete,
    Executable,
    Insert,
    Join,
    Select,
    Table,
    TextClause,
    Update,
)
from sqlalchemy.sql.functions import Function
from sqlalchemy.sql.selectable import AliasedReturnsRows
from sqlalchemy.sql.visitors import iterate
from sqlalchemy.util import LRUCache

from proctorium_common.telemetry.traces import span

_COMMENT = re.compile(r"--[^\n]*")
_COMMON_TABLE = re.compile(
    r"\b(\w+)(?:\s*\([^()]*\))?\s+AS\s+(?:NOT\s+)?(?:MATERIALIZED\s+)?\(", re.IGNORECASE
)
# What follows these words is a table, but for `FOR UPDATE`, `DO UPDATE`, `IS DISTINCT FROM` and functions.
_TABLE = re.compile(
    r"\bINTO\s+(\w+)|(?<!\bDO )(?<!\bFOR )(?<!\bKEY )\bUPDATE\s+(?:ONLY\s+)?(\w+)"
    r"|(?:(?<!\bDISTINCT )\bFROM|\bJOIN)\s+(?:ONLY\s+|LATERAL\s+)?(\w+)\b(?!\s*\.?\()",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"\b(INSERT)\s+INTO\b|(?<!\bDO )(?<!\bFOR )(?<!\bKEY )\b(UPDATE)\b|\b(DELETE)\s+FROM\b",
    re.IGNORECASE,
)
Query: TypeAlias = "Select[Any] | CompoundSelect[Any]"
_names: LRUCache[object, str] = LRUCache(512)
_FUNCTION = re.compile(r"^SELECT (\w+)\(", re.IGNORECASE)


@contextmanager
def recorded(name: str) -> Iterator[None]:
    """A client span around the block if the current span is recording, else nothing."""
    if not trace.get_current_span().is_recording():
        yield
        return
    with span(name, kind=SpanKind.CLIENT, attributes={"db.system.name": "postgresql"}):
        yield


@contextmanager
def statement(executed: Executable) -> Iterator[None]:
    """A span named after the statement's verb and tables, such as `SELECT participants, sessions`."""
    if not trace.get_current_span().is_recording():
        yield
        return
    with recorded(name_of(executed)):
        yield


@contextmanager
def text(sql: str) -> Iterator[None]:
    """A span for a statement given as text, named as by `statement`."""
    if not trace.get_current_span().is_recording():
        yield
        return
    with recorded(_name_of_text(sql)):
        yield


def name_of(executed: Executable) -> str:
    """The statement's verb and its tables by name: the same for the same statement in every process."""
    match executed:
        case Insert():
            return f"INSERT {executed.table.description}"
        case Update():
            return f"UPDATE {executed.table.description}"
        case Delete():
            return f"DELETE {executed.table.description}"
        case Select() | CompoundSelect():
            return _name_of_query(executed)
        case TextClause():
            return _name_of_text(executed.text)
        case _:
            return type(executed).__name__


def _name_of_query(query: Query) -> str:
    """What a query reads is found by building it, which takes longer than many a query: so once for those of one shape."""
    # It is made once for each object and then needed by SQLAlchemy for the same purpose.
    shape = query._generate_cache_key()  # noqa: SLF001
    name: str | None = None if shape is None else _names.get(shape.key)
    if name is None:
        name = _spoken("SELECT", _tables(query) or _within(query))
        if shape is not None:
            _names[shape.key] = name
    return name


def _tables_of(read: Iterable[object]) -> list[str]:
    """Also those in joins, aliases and subqueries; their columns, which are many, are not looked at."""
    return [name for each in read for name in _tables(each)]


def _tables(read: object) -> list[str]:
    match read:
        case Table():
            return [read.name]
        case Join():
            return _tables_of([read.left, read.right])
        case AliasedReturnsRows():
            return _tables(read.element)
        case Select():
            return _tables_of(read.get_final_froms())
        case CompoundSelect():
            return _tables_of(read.selects)
        case _:
            return []


def _within(executed: ClauseElement) -> list[str]:
    """Of what reads no table by itself: those of its subqueries or, such as for a lock, the function that is called."""
    parts = list(iterate(executed))
    tables = [part.name for part in parts if isinstance(part, Table)]
    return tables or [part.name for part in parts if isinstance(part, Function)][:1]


@lru_cache(maxsize=512)
def _name_of_text(text: str) -> str:
    """A `WITH` that changes something is named after its first change and all that it touches."""
    plain = " ".join(_COMMENT.sub(" ", text).split())
    verb = plain.partition(" ")[0].upper()
    common: set[str] = set()
    if verb == "WITH":
        change = _CHANGE.search(plain)
        verb = next(filter(None, change.groups())).upper() if change else "SELECT"
        common = {found.casefold() for found in _COMMON_TABLE.findall(plain)}
    tables = ["".join(groups) for groups in _TABLE.findall(plain)]
    named = [table for table in tables if table.casefold() not in common]
    return _spoken(verb, named or _FUNCTION.findall(plain)[:1])


def _spoken(verb: str, tables: Iterable[str]) -> str:
    return f"{verb} {', '.join(dict.fromkeys(tables))}".rstrip()
