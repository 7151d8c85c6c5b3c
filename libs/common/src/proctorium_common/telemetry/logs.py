"""Logs: one JSON object a line on standard output, or coloured text when a person looks at it in a terminal.

An event is a static snake_case name with fields: `log.info("session_started", session_id=...)`. Every line says the service, the
trace and the span by itself. Secrets do not belong in fields; `_redact` is the guard for the day when one gets there all the same.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from functools import cache, lru_cache
from typing import Literal

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from proctorium_common.telemetry.traces import current_place, current_tracing

LogFormat = Literal["auto", "json", "pretty"]

REDACTED = "[redacted]"
_SECRET_NAMES = re.compile(
    r"password|passphrase|secret|token|authorization|cookie|private_key|credential|enrollment_code"
    r"|^code$|e_?mail|legal_name|date_of_birth"
)
_SECRET_VALUES = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # a signed token
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # the user and password of an address
    r"|(?<=[Bb]earer )\S+"
)
# Names of fields that would match but hold no secret.
_HARMLESS_NAMES = frozenset({"token_id", "token_kind"})


class _StandardOutput:
    """Writes to whatever standard output is at that moment, so that a redirection holds for cached loggers too."""

    def msg(self, line: str) -> None:
        """Writes one line and flushes, so that a killed process has said all it had to say."""
        out = sys.stdout
        out.write(line + "\n")
        out.flush()

    log = debug = info = warning = error = critical = exception = msg


def get_logger(name: str = "") -> FilteringBoundLogger:
    """A logger; cheap to keep at the top of a module, because it is configured when it is first used."""
    logger: FilteringBoundLogger = structlog.get_logger(**({"logger": name} if name else {}))
    return logger


class CallLog:
    """The one line of each call and message, written straight as JSON: its fields hold no secrets and need no processors.

    With `pretty` it goes the way of all other lines.
    """

    def __init__(self, event: str, *, pretty: bool = False, quiet: bool = False) -> None:
        self._event = event
        self._pretty = pretty
        self._quiet = quiet
        self._encode = json.JSONEncoder(
            ensure_ascii=False, default=str, check_circular=False
        ).encode

    def write(self, code: str, fields: dict[str, object]) -> None:
        """Writes the line of a call that ended with `code` (the name of a gRPC status)."""
        level = _LEVELS.get(code, "info")
        if self._quiet and level == "info":
            return
        if self._pretty:
            get_logger().log(logging.getLevelNamesMapping()[level.upper()], self._event, **fields)
            return
        fields["event"] = self._event
        fields["level"] = level
        fields["timestamp"] = _timestamp(time.time())
        out = sys.stdout
        out.write(self._encode(fields) + "\n")
        out.flush()


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
    """Sets up this process's logs; what libraries log through `logging` comes out the same way, from warnings up.

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
        _redact,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _StandardOutput(),
        cache_logger_on_first_use=True,
    )
    _route_standard_logging(shared, renderer, level)
    return CallLog("rpc_served", pretty=pretty, quiet=level > logging.INFO)


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
    # A missing receiver is said once by telemetry/export.py, not at every attempt.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


class _StandardLogging(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            _StandardOutput().msg(self.format(record))
        except Exception:  # noqa: BLE001 - a broken log line must not break the work it tells of
            self.handleError(record)


def _add_place(logger: WrappedLogger, method: str, fields: EventDict) -> EventDict:
    fields.setdefault("service", current_tracing().service)
    if "trace_id" not in fields:
        place = current_place()
        if place is not None:
            fields["trace_id"] = f"{place.trace_id:032x}"
            fields["span_id"] = f"{place.span_id:016x}"
    return fields


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
