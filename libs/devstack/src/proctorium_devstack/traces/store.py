"""Spans on disk, bounded: the oldest traces go first."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from proctorium_devstack.traces.span import Link, Span, SpanEvent

MOST_SPANS = 400_000
_LONGEST_VALUE = 200
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
    """What is searched for: a trace matches when one of its spans fits `service` and `name`, and it fits the rest itself."""

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
    """A line of the list. `root_*` is the first span, or the earliest that came when the first is missing."""

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
        """From the first start to the last end."""
        return (self.end_ns - self.start_ns) / 1e6


@dataclass(frozen=True)
class LinkFrom:
    """A span elsewhere that points into a trace."""

    linked_span_id: str
    trace_id: str
    span_id: str


class TraceStore:
    """The spans in one SQLite file. Methods may be called from several threads; they take turns."""

    def __init__(self, file: Path | str, most_spans: int = MOST_SPANS) -> None:
        self._database = sqlite3.connect(file, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        # A trace that a power cut takes is no loss.
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.executescript(_SCHEMA)
        self._lock = threading.Lock()
        self._most = most_spans
        self._count = self._counted()

    def add(self, spans: Sequence[Span]) -> None:
        """Keep spans; one that came twice is kept once."""
        with self._lock, self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_row(span) for span in spans],
            )
            self._database.executemany(
                "INSERT OR IGNORE INTO attributes VALUES (?, ?, ?)",
                [(name, str(value)[:_LONGEST_VALUE], span.trace_id)
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
            if self._count > self._most:
                self._forget_oldest()

    def search(self, query: TraceQuery) -> list[TraceSummary]:
        """The newest traces that match."""
        conditions, values = _conditions(query)
        # The conditions are ours; what people typed is only in `values`.
        statement = (
            f"SELECT * FROM traces WHERE {' AND '.join(conditions)} ORDER BY start_ns DESC LIMIT ?"  # noqa: S608
        )
        with self._lock:
            rows = self._database.execute(statement, (*values, query.limit)).fetchall()
        return [_summary(row) for row in rows]

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of a trace by their start; none when it is not there."""
        with self._lock:
            rows = self._database.execute(
                "SELECT document FROM spans WHERE trace_id = ? ORDER BY start_ns, span_id",
                (trace_id,),
            ).fetchall()
        return [_span(document) for (document,) in rows]

    def links_to(self, trace_id: str) -> list[LinkFrom]:
        """Who elsewhere points to spans of this trace."""
        with self._lock:
            rows = self._database.execute(
                "SELECT linked_span_id, trace_id, span_id FROM links WHERE linked_trace_id = ? AND trace_id <> ?",
                (trace_id, trace_id),
            ).fetchall()
        return [LinkFrom(*row) for row in rows]

    def services(self) -> list[str]:
        """Every service that was heard of."""
        with self._lock:
            rows = self._database.execute("SELECT DISTINCT services FROM traces").fetchall()
        return sorted({service for (services,) in rows for service in services.split(",")})

    def clear(self) -> None:
        """Forget everything."""
        with self._lock, self._database:
            for table in ("spans", "traces", "attributes", "links"):
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
            self._count = 0

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _counted(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM spans").fetchone()[0])

    def _forget_oldest(self) -> None:
        """Down to nine tenths, so that it is not done with every batch."""
        self._count = self._counted()
        excess = self._count - self._most * 9 // 10
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
    found_by = (span.trace_id, span.span_id, span.parent_id, span.service, span.name)
    return (*found_by, span.start_ns, span.end_ns, span.error, json.dumps(asdict(span)))


def _span(document: str) -> Span:
    kept = json.loads(document)
    events = tuple(SpanEvent(**event) for event in kept.pop("events"))
    links = tuple(Link(**link) for link in kept.pop("links"))
    return Span(**kept, events=events, links=links)


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
    """Spans with their depth, children under their parents by start; those whose parent never came stand at the top."""
    ordered = sorted(spans, key=lambda span: (span.start_ns, span.span_id))
    known = {span.span_id for span in ordered}
    children: dict[str, list[Span]] = {}
    for span in ordered:
        parent = (
            span.parent_id if span.parent_id in known and span.parent_id != span.span_id else ""
        )
        children.setdefault(parent, []).append(span)
    result: list[tuple[Span, int]] = []
    waiting = [(span, 0) for span in reversed(children.get("", []))]
    while waiting:
        span, depth = waiting.pop()
        result.append((span, depth))
        waiting += [(child, depth + 1) for child in reversed(children.get(span.span_id, []))]
    return result
