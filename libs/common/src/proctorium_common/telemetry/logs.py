"""Logs: one JSON object per line on standard output, or coloured text on a terminal.

A log line consists of a static name in snake_case and of fields: `log.info("session_started", session_id=...)`. The
service, the trace id and the span id are added to each line. Code must not log secrets. If code logs a secret by
mistake, `_redact` removes the secret.
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
"""The maximum number of characters of an id in a log line or span.

Proctorium's ids have 36 characters, but a caller may send a longer text in an id field.
"""

_FIELD_CHARACTERS = 2000
_STACK_CHARACTERS = 8000
_ELLIPSIS = " … "
_SECRET_NAMES = re.compile(
    r"password|passphrase|secret|token|authorization|cookie|private_key|credential|enrollment_code"
    r"|^code$|e_?mail|legal_name|date_of_birth"
)
_SECRET_VALUES = re.compile(
    r"eyJ[\w-]{8,}(?:\.[\w-]*)*"  # a signed token, or the beginning of a truncated token
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # the user and password in a URL
    r"|(?<=[Bb]earer )\S+"
)
# The names of fields that match `_SECRET_NAMES`, although the fields contain no secret.
_HARMLESS_NAMES = frozenset({"token_id", "token_kind"})


class _StandardOutput:
    """Writes to the current `sys.stdout`, so that a redirection of `sys.stdout` also affects cached loggers."""

    def msg(self, line: str) -> None:
        """Write a line and flush, so that no line is lost when the process is killed."""
        out = sys.stdout
        out.write(line + "\n")
        out.flush()

    log = debug = info = warning = error = critical = exception = msg


def get_logger(name: str = "") -> FilteringBoundLogger:
    """Return a logger that is configured at its first use, so that a module can create the logger on import."""
    logger: FilteringBoundLogger = structlog.get_logger(**({"logger": name} if name else {}))
    return logger


class CallLine(NamedTuple):
    """The log line of a call.

    `caller` is the person or service on whose behalf the call was made. `peer` is the service at the other end of the
    connection.
    """

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
    """Writes one line for each call.

    With `pretty`, structlog formats the line. Otherwise the line is formatted without structlog, because the processors
    of structlog reduce the number of saved answers per second by a sixth (`python -m e2e.bench.ablations`). The line
    needs no redaction, because its fields contain no secrets. With `quiet`, lines of the level info are not written.
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
        # Use an f-string, because a JSON encoder takes five times as long. `_quoted` is needed only for values that
        # callers choose.
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
    """Configure the logs of this process and return its `CallLog`.

    Warnings and errors that libraries log through `logging` are written in the same format.
    """
    terminal = sys.stdout.isatty()
    pretty = format == "pretty" or (format == "auto" and terminal)
    renderer: Processor = (
        # Use `plain_traceback`, because the default formatter shows local variables, which may contain secrets.
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
        _add_context,
        structlog.processors.format_exc_info,
        _limit_length,
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
    # Suppress the line that OpenTelemetry logs for each failed export, because telemetry/export.py logs an unreachable
    # receiver once.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


class _StandardLogging(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            _StandardOutput().msg(self.format(record))
        except Exception:  # noqa: BLE001 - a failed log line must not affect the caller
            self.handleError(record)


def _add_context(logger: WrappedLogger, method: str, fields: EventDict) -> EventDict:
    fields.setdefault("service", current_tracing().service)
    if "trace_id" not in fields:
        context = current_trace_context()
        if context is not None:
            fields["trace_id"] = f"{context.trace_id:032x}"
            fields["span_id"] = f"{context.span_id:016x}"
    return fields


def _limit_length(logger: WrappedLogger, method: str, fields: EventDict) -> EventDict:
    """Truncate long fields, such as the input of a caller, or an error that quotes a whole SQL statement."""
    for name, value in fields.items():
        limit = _STACK_CHARACTERS if name == "exception" else _FIELD_CHARACTERS
        if isinstance(value, int | float | None) or name == "exc_info":
            continue
        text = value if isinstance(value, str) else str(value)
        if len(text) > limit:
            fields[name] = _cut_middle(text, limit)
    return fields


def _cut_middle(text: str, limit: int) -> str:
    half = (limit - len(_ELLIPSIS)) // 2
    return text[:half] + _ELLIPSIS + text[-half:]


def _redact(logger: WrappedLogger, method: str, fields: EventDict) -> EventDict:
    for name, value in fields.items():
        if _is_secret(name):
            fields[name] = REDACTED
        elif isinstance(value, str) and len(value) > 12 and _may_hold_secret(value):
            fields[name] = _SECRET_VALUES.sub(REDACTED, value)
    return fields


def _may_hold_secret(value: str) -> bool:
    # These substring searches are much faster than the regular expression `_SECRET_VALUES`. For nearly every value,
    # they show that the expression cannot match.
    return "eyJ" in value or "earer " in value or "://" in value


@cache
def _is_secret(name: str) -> bool:
    return name not in _HARMLESS_NAMES and _SECRET_NAMES.search(name.lower()) is not None
