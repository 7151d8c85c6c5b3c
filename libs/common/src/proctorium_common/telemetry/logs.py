"""Logs: one JSON object a line on standard output, or coloured text when a person looks at it in a terminal.

An event is a static snake_case name with fields: `log.info("session_started", session_id=...)`. Every line says the
service, the trace and the span by itself. Secrets do not belong in fields; `_redact` is the guard for the day when one
gets there all the same.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Mapping
from functools import cache, lru_cache
from json.encoder import encode_basestring as _quoted
from typing import Literal, NamedTuple

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from proctorium_common.telemetry.traces import current_trace_context, current_tracing

LogFormat = Literal["auto", "json", "pretty"]

REDACTED = "[redacted]"

ID_CHARACTERS = 64
"""An id in a log line or on a span is at most so long: ours have 36 characters."""

_FIELD_CHARACTERS = 2000
_STACK_CHARACTERS = 8000
_CUT_MARK = " … "
_SECRET_NAMES = re.compile(
    r"password|passphrase|secret|token|authorization|cookie|private_key|credential|enrollment_code"
    r"|^code$|e_?mail|legal_name|date_of_birth"
)
_SECRET_VALUES = re.compile(
    r"eyJ[\w-]{8,}(?:\.[\w-]*)*"  # a signed token, or the beginning of one that was cut
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # the user and password of an address
    r"|(?<=[Bb]earer )\S+"
)
# Names of fields that would match but hold no secret.
_HARMLESS_NAMES = frozenset({"token_id", "token_kind"})


class _StandardOutput:
    """Writes to whatever standard output is at that moment, so that a redirection holds for cached loggers too."""

    def msg(self, line: str) -> None:
        """Write one line and flush, so that no line is lost when the process is killed."""
        out = sys.stdout
        out.write(line + "\n")
        out.flush()

    log = debug = info = warning = error = critical = exception = msg


def get_logger(name: str = "") -> FilteringBoundLogger:
    """Return a logger; cheap to keep at the top of a module, because it is configured when it is first used."""
    logger: FilteringBoundLogger = structlog.get_logger(**({"logger": name} if name else {}))
    return logger


class CallLine(NamedTuple):
    """The log line of one call: `caller` is the person or service, `peer` the service that passed the call on."""

    service: str
    method: str
    code: str
    seconds: float
    trace_id: int
    caller: str
    peer: str | None = None
    reason: str | None = None
    ids: Mapping[str, str] | None = None


class CallLog:
    """The one line of each call.

    It is written as JSON without structlog, since its fields hold no secrets: structlog's processors cost a sixth of
    the saves (`python -m e2e.bench.ablations`). With `pretty` it is written like all other lines.
    """

    def __init__(
        self, event: str = "rpc_served", *, pretty: bool = False, quiet: bool = False
    ) -> None:
        self._event = event
        self._pretty = pretty
        self._quiet = quiet

    def write(self, line: CallLine) -> None:
        """Write the line of a call that has ended."""
        level = _LEVELS.get(line.code, "info")
        if self._quiet and level == "info":
            return
        if self._pretty:
            self._write_pretty(line, level)
            return
        _StandardOutput().msg(self._json(line, level))

    def _json(self, line: CallLine, level: str) -> str:
        # By hand: an encoder takes five times as long, and all but the ids and the peer are our own words.
        service, method, code, seconds, trace_id, caller, peer, reason, ids = line
        more = "" if peer is None else f',"peer":{_quoted(peer[:ID_CHARACTERS])}'
        if reason is not None:
            more += f',"reason":"{reason}"'
        if ids:
            for name, value in ids.items():
                more += f',"{name}":{_quoted(value[:ID_CHARACTERS])}'
        return (
            f'{{"timestamp":"{_timestamp(time.time())}","level":"{level}","event":"{self._event}",'
            f'"service":"{service}","method":"{method}","code":"{code}","ms":{seconds * 1000:.2f},'
            f'"trace_id":"{trace_id:032x}","caller":{_quoted(caller)}{more}}}'
        )

    def _write_pretty(self, line: CallLine, level: str) -> None:
        fields: dict[str, object] = {
            "service": line.service,
            "method": line.method,
            "code": line.code,
            "ms": round(line.seconds * 1000, 2),
            "trace_id": f"{line.trace_id:032x}",
            "caller": line.caller,
        }
        ids = {name: value[:ID_CHARACTERS] for name, value in (line.ids or {}).items()}
        more = {"peer": line.peer, "reason": line.reason, **ids}
        fields |= {name: value for name, value in more.items() if value is not None}
        get_logger().log(logging.getLevelNamesMapping()[level.upper()], self._event, **fields)


_LEVELS = {
    "INTERNAL": "error",
    "UNKNOWN": "error",
    "DATA_LOSS": "error",
    "UNAVAILABLE": "warning",
    "DEADLINE_EXCEEDED": "warning",
}


def _timestamp(now: float) -> str:
    seconds = int(now)
    return f"{_second(seconds)}.{int((now - seconds) * 1_000_000):06d}Z"


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def configure_logs(*, level: int = logging.INFO, format: LogFormat = "auto") -> CallLog:
    """Set up this process's logs; what libraries log through `logging` comes out the same way, from warnings up.

    Answers the log for the lines of calls.
    """
    terminal = sys.stdout.isatty()
    pretty = format == "pretty" or (format == "auto" and terminal)
    renderer: Processor = (
        # Plain: the usual one shows local variables, which hold what must not be shown.
        structlog.dev.ConsoleRenderer(
            colors=terminal, exception_formatter=structlog.dev.plain_traceback
        )
        if pretty
        else structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_place,
        structlog.processors.format_exc_info,
        _bound,
        _redact,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _StandardOutput(),
        cache_logger_on_first_use=True,
    )
    _route_standard_logging(shared, renderer, level)
    return CallLog(pretty=pretty, quiet=level > logging.INFO)


def _route_standard_logging(shared: list[Processor], renderer: Processor, level: int) -> None:
    handler = _StandardLogging()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))
    # telemetry/export.py logs a missing receiver once, not at every retry.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


class _StandardLogging(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            _StandardOutput().msg(self.format(record))
        except Exception:  # noqa: BLE001 - a broken log line must not break the work that it reports
            self.handleError(record)


def _add_place(logger: WrappedLogger, method: str, fields: EventDict) -> EventDict:
    fields.setdefault("service", current_tracing().service)
    if "trace_id" not in fields:
        place = current_trace_context()
        if place is not None:
            fields["trace_id"] = f"{place.trace_id:032x}"
            fields["span_id"] = f"{place.span_id:016x}"
    return fields


def _bound(logger: WrappedLogger, method: str, fields: EventDict) -> EventDict:
    """Cut what is long: callers choose some of what is logged, and libraries quote whole statements in their errors."""
    for name, value in fields.items():
        limit = _STACK_CHARACTERS if name == "exception" else _FIELD_CHARACTERS
        if isinstance(value, int | float | None) or name == "exc_info":
            continue
        text = value if isinstance(value, str) else str(value)
        if len(text) > limit:
            fields[name] = _cut_middle(text, limit)
    return fields


def _cut_middle(text: str, limit: int) -> str:
    half = (limit - len(_CUT_MARK)) // 2
    return text[:half] + _CUT_MARK + text[-half:]


def _redact(logger: WrappedLogger, method: str, fields: EventDict) -> EventDict:
    for name, value in fields.items():
        if _is_secret(name):
            fields[name] = REDACTED
        elif isinstance(value, str) and len(value) > 12 and _may_hold_secret(value):
            fields[name] = _SECRET_VALUES.sub(REDACTED, value)
    return fields


def _may_hold_secret(value: str) -> bool:
    # Three searches for fixed text are far cheaper than the pattern, and nearly every value stops here.
    return "eyJ" in value or "earer " in value or "://" in value


@cache
def _is_secret(name: str) -> bool:
    return name not in _HARMLESS_NAMES and _SECRET_NAMES.search(name.lower()) is not None
