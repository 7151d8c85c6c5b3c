"""Spans of the storage, made only where somebody is recording: unsampled calls pay one attribute look-up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from sqlalchemy import Delete, Executable, Insert, Select, TextClause, Update

from proctorium_common.telemetry.traces import span


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
    """A span named after the statement's verb and table, such as `INSERT participants`."""
    if not trace.get_current_span().is_recording():
        yield
        return
    with recorded(_name(executed)):
        yield


def _name(executed: Executable) -> str:
    match executed:
        case Insert():
            return f"INSERT {executed.table.description}"
        case Update():
            return f"UPDATE {executed.table.description}"
        case Delete():
            return f"DELETE {executed.table.description}"
        case Select():
            froms = executed.get_final_froms()
            return f"SELECT {froms[0].description}" if froms else "SELECT"
        case TextClause():
            return executed.text.split(None, 1)[0].upper()
        case _:
            return type(executed).__name__
