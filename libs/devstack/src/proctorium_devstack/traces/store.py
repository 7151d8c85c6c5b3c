"""Storage of spans in SQLite. If there are more spans than a limit, the oldest traces are deleted."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from proctorium_devstack.traces.span import Link, Span, SpanEvent

MAX_SPANS = 400_000
_MAX_VALUE_LENGTH = 200
_SCHEMA = """
CREATE TABLE IF NOT EXISTS spans (
  trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_id TEXT NOT NULL,
  service TEXT NOT NULL, name TEXT NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,
  error INTEGER NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (trace_id, span_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS traces (
  trace_id TEXT PRIMARY KEY, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,
  spans INTEGER NOT NULL, errors INTEGER NOT NULL, services TEXT NOT NULL,
  root_service TEXT NOT NULL, root_name TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS traces_by_start ON traces (start_ns);
CREATE TABLE IF NOT EXISTS attributes (
  name TEXT NOT NULL, value TEXT NOT NULL, trace_id TEXT NOT NULL, PRIMARY KEY (name, value, trace_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS attributes_by_trace ON attributes (trace_id);
CREATE TABLE IF NOT EXISTS links (
  linked_trace_id TEXT NOT NULL, linked_span_id TEXT NOT NULL, trace_id TEXT NOT NULL, span_id TEXT NOT NULL,
  PRIMARY KEY (linked_trace_id, linked_span_id, trace_id, span_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS links_by_trace ON links (trace_id);
"""
_SUMMARISE = """
INSERT OR REPLACE INTO traces
SELECT :trace_id, min(start_ns), max(end_ns), count(*), sum(error), group_concat(DISTINCT service),
  (SELECT service FROM spans WHERE trace_id = :trace_id ORDER BY parent_id <> '', start_ns LIMIT 1),
  (SELECT name FROM spans WHERE trace_id = :trace_id ORDER BY parent_id <> '', start_ns LIMIT 1)
FROM spans WHERE trace_id = :trace_id
"""


@dataclass(frozen=True)
class TraceQuery:
    """A search for traces.

    A trace matches if it has a span that matches both `service` and `name`, and if the trace matches all other fields.
    """

    service: str = ""
    name: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    error: bool = False
    min_duration_ms: float | None = None
    max_duration_ms: float | None = None
    since_ns: int | None = None
    limit: int = 50


@dataclass(frozen=True)
class TraceSummary:
    """A trace in a list. The fields `root_*` describe the root span, or the earliest span if there is no root span."""

    trace_id: str
    start_ns: int
    end_ns: int
    spans: int
    errors: int
    services: tuple[str, ...]
    root_service: str
    root_name: str

    @property
    def duration_ms(self) -> float:
        """The time in milliseconds from the start of the first span to the end of the last span."""
        return (self.end_ns - self.start_ns) / 1e6


@dataclass(frozen=True)
class LinkFrom:
    """A link from a span of another trace to this trace."""

    linked_span_id: str
    trace_id: str
    span_id: str


class TraceStore:
    """The spans in one SQLite file. The methods are thread-safe."""

    def __init__(self, file: Path | str, max_spans: int = MAX_SPANS) -> None:
        self._database = sqlite3.connect(file, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        # Writes need not be durable, because the loss of traces in a power failure is acceptable.
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.executescript(_SCHEMA)
        self._lock = threading.Lock()
        self._max_spans = max_spans
        self._count = self._count_spans()

    def add(self, spans: Sequence[Span]) -> None:
        """Store spans. A span that is already stored is not stored again."""
        with self._lock, self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_row(span) for span in spans],
            )
            self._database.executemany(
                "INSERT OR IGNORE INTO attributes VALUES (?, ?, ?)",
                [(name, str(value)[:_MAX_VALUE_LENGTH], span.trace_id)
                 for span in spans for name, value in span.attributes.items()],
            )  # fmt: skip
            self._database.executemany(
                "INSERT OR IGNORE INTO links VALUES (?, ?, ?, ?)",
                [
                    (link.trace_id, link.span_id, span.trace_id, span.span_id)
                    for span in spans
                    for link in span.links
                ],
            )
            for trace_id in {span.trace_id for span in spans}:
                self._database.execute(_SUMMARISE, {"trace_id": trace_id})
            self._count += len(spans)
            if self._count > self._max_spans:
                self._delete_oldest()

    def search(self, query: TraceQuery) -> list[TraceSummary]:
        """Return the matching traces, newest first."""
        conditions, values = _conditions(query)
        # This SQL is safe, because the texts in `conditions` are constants, and the person's input is only in `values`.
        statement = (
            f"SELECT * FROM traces WHERE {' AND '.join(conditions)} ORDER BY start_ns DESC LIMIT ?"  # noqa: S608
        )
        with self._lock:
            rows = self._database.execute(statement, (*values, query.limit)).fetchall()
        return [_summary(row) for row in rows]

    def trace(self, trace_id: str) -> list[Span]:
        """Return the spans of a trace, ordered by start time, or an empty list if the trace does not exist."""
        with self._lock:
            rows = self._database.execute(
                "SELECT document FROM spans WHERE trace_id = ? ORDER BY start_ns, span_id",
                (trace_id,),
            ).fetchall()
        return [_span(document) for (document,) in rows]

    def links_to(self, trace_id: str) -> list[LinkFrom]:
        """Return the links from other traces to spans of this trace."""
        with self._lock:
            rows = self._database.execute(
                "SELECT linked_span_id, trace_id, span_id FROM links WHERE linked_trace_id = ? AND trace_id <> ?",
                (trace_id, trace_id),
            ).fetchall()
        return [LinkFrom(*row) for row in rows]

    def services(self) -> list[str]:
        """Return the names of all services."""
        with self._lock:
            rows = self._database.execute("SELECT DISTINCT services FROM traces").fetchall()
        return sorted({service for (services,) in rows for service in services.split(",")})

    def clear(self) -> None:
        """Delete all traces."""
        with self._lock, self._database:
            for table in ("spans", "traces", "attributes", "links"):
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - constant names
            self._count = 0

    def close(self) -> None:
        """Close the SQLite file."""
        self._database.close()

    def _count_spans(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM spans").fetchone()[0])

    def _delete_oldest(self) -> None:
        """Delete the oldest traces until the number of spans is at most 90 % of the limit.

        Therefore the next batches of spans are stored without a deletion.
        """
        self._count = self._count_spans()
        excess = self._count - self._max_spans * 9 // 10
        oldest = self._database.execute(
            "SELECT trace_id, spans FROM traces ORDER BY end_ns"
        ).fetchall()
        for trace_id, spans in oldest:
            if excess <= 0:
                break
            for table in ("spans", "traces", "attributes", "links"):
                self._database.execute(f"DELETE FROM {table} WHERE trace_id = ?", (trace_id,))  # noqa: S608
            excess -= spans
            self._count -= spans


def _conditions(query: TraceQuery) -> tuple[list[str], list[str | float]]:
    conditions, values = ["1"], list[str | float]()
    if query.service or query.name:
        conditions.append(
            "EXISTS (SELECT 1 FROM spans WHERE spans.trace_id = traces.trace_id"
            " AND (? = '' OR service = ?) AND (? = '' OR instr(lower(name), ?)))"
        )
        name = query.name.lower()
        values += [query.service, query.service, name, name]
    for attribute, value in query.attributes:
        conditions.append(
            "trace_id IN (SELECT trace_id FROM attributes WHERE name = ? AND value = ?)"
        )
        values += [attribute, value]
    if query.error:
        conditions.append("errors > 0")
    for condition, limit in (
        ("end_ns - start_ns >= ? * 1e6", query.min_duration_ms),
        ("end_ns - start_ns <= ? * 1e6", query.max_duration_ms),
        ("end_ns >= ?", query.since_ns),
    ):
        if limit is not None:
            conditions.append(condition)
            values.append(limit)
    return conditions, values


def _row(span: Span) -> tuple[object, ...]:
    columns = (span.trace_id, span.span_id, span.parent_id, span.service, span.name)
    return (*columns, span.start_ns, span.end_ns, span.error, json.dumps(asdict(span)))


def _span(document: str) -> Span:
    fields = json.loads(document)
    events = tuple(SpanEvent(**event) for event in fields.pop("events"))
    links = tuple(Link(**link) for link in fields.pop("links"))
    return Span(**fields, events=events, links=links)


def _summary(row: Sequence[object]) -> TraceSummary:
    trace_id, start_ns, end_ns, spans, errors, services, root_service, root_name = row
    return TraceSummary(
        *(str(trace_id), _number(start_ns), _number(end_ns), _number(spans), _number(errors)),
        tuple(sorted(str(services).split(","))),
        *(str(root_service), str(root_name)),
    )


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value


def waterfall_order(spans: Iterable[Span]) -> list[tuple[Span, int]]:
    """Return each span with its depth in the tree of spans. Each span comes after its parent.

    A span whose parent is missing is at the top level.
    """
    ordered = sorted(spans, key=lambda span: (span.start_ns, span.span_id))
    span_ids = {span.span_id for span in ordered}
    children: dict[str, list[Span]] = {}
    for span in ordered:
        parent = (
            span.parent_id if span.parent_id in span_ids and span.parent_id != span.span_id else ""
        )
        children.setdefault(parent, []).append(span)
    result: list[tuple[Span, int]] = []
    waiting = [(span, 0) for span in reversed(children.get("", []))]
    while waiting:
        span, depth = waiting.pop()
        result.append((span, depth))
        waiting += [(child, depth + 1) for child in reversed(children.get(span.span_id, []))]
    return result
