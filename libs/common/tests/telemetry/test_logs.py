"""Test logs: each line is one JSON object that contains the trace id and no secrets."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from proctorium_common.telemetry.logs import (
    REDACTED,
    CallLine,
    CallLog,
    LogFormat,
    configure_logs,
    get_logger,
)
from proctorium_common.telemetry.traces import Tracing, parse_trace_context, span_from, use_tracing

LINE = CallLine(
    service="assessment",
    method="/proctorium.assessment.v1.AttemptService/SaveAnswers",
    code="OK",
    seconds=0.0123,
    trace_id=0xABC,
    caller="person:1",
)


def _configured(format: LogFormat = "json", level: int = logging.INFO) -> CallLog:
    return configure_logs(level=level, format=format)


def _only_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    [line] = capsys.readouterr().out.splitlines()
    entry: dict[str, Any] = json.loads(line)
    return entry


def test_line_has_event_fields_service_and_trace_context(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _configured()
    tracing = Tracing("session")
    use_tracing(tracing)
    parent = parse_trace_context("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    with span_from(parent, "start"):
        get_logger().info("session_started", session_id="s-1")
    entry = _only_line(capsys)
    assert entry["event"] == "session_started"
    assert entry["session_id"] == "s-1"
    assert entry["service"] == "session"
    assert entry["level"] == "info"
    assert entry["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert entry["span_id"] == "b7ad6b7169203331"
    assert entry["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    "field",
    ["password", "new_password", "refresh_token", "authorization", "set_cookie", "email", "code"],
)
def test_field_named_like_a_secret_is_redacted(
    capsys: pytest.CaptureFixture[str], field: str
) -> None:
    _configured()
    get_logger().info("signed_in", **{field: "swordfish"})
    assert _only_line(capsys)[field] == REDACTED


@pytest.mark.parametrize(
    "value",
    [
        "Bearer swordfish",
        "postgresql://assessment:swordfish@localhost/assessment",
        "got eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJzd29yZGZpc2gifQ.c3dvcmRmaXNo back",
    ],
)
def test_value_that_looks_like_a_secret_is_redacted(
    capsys: pytest.CaptureFixture[str], value: str
) -> None:
    _configured()
    get_logger().warning("call_failed", error=value)
    error = _only_line(capsys)["error"]
    assert REDACTED in error
    assert "swordfish" not in error
    assert "c3dvcmRmaXNo" not in error


def test_secret_in_a_stack_trace_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    _configured()
    try:
        raise RuntimeError("cannot connect to postgresql://assessment:swordfish@localhost/x")
    except RuntimeError:
        get_logger().exception("database_lost")
    entry = _only_line(capsys)
    assert "swordfish" not in entry["exception"]
    assert "RuntimeError" in entry["exception"]


def test_logs_of_libraries_have_the_same_format(capsys: pytest.CaptureFixture[str]) -> None:
    _configured()
    logging.getLogger("some.library").warning("went %s", "wrong")
    logging.getLogger("some.library").info("not worth a line")
    entry = _only_line(capsys)
    assert (entry["event"], entry["logger"], entry["level"]) == (
        "went wrong",
        "some.library",
        "warning",
    )


def test_pretty_format_is_not_json(capsys: pytest.CaptureFixture[str]) -> None:
    _configured("pretty")
    get_logger().info("session_started", session_id="s-1")
    out = capsys.readouterr().out
    assert "session_started" in out
    assert not out.startswith("{")


def test_pretty_stack_trace_shows_no_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    _configured("pretty")
    password = "sword" + "fish"
    try:
        raise RuntimeError(len(password))
    except RuntimeError:
        get_logger().exception("sign_in_failed")
    assert "swordfish" not in capsys.readouterr().out


def test_line_of_a_call_is_json_with_its_ids(capsys: pytest.CaptureFixture[str]) -> None:
    calls = _configured()
    calls.write(LINE)
    calls.write(LINE._replace(code="NOT_FOUND", reason="NOT_FOUND", ids={"session_id": 's"\n'}))
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["ms"] == 12.3
    assert first["trace_id"] == f"{0xABC:032x}"
    assert second["reason"] == "NOT_FOUND"
    assert second["session_id"] == 's"\n'


def test_internal_error_is_logged_at_level_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _configured().write(LINE._replace(code="INTERNAL"))
    assert _only_line(capsys)["level"] == "error"


def test_successful_calls_are_not_logged_at_level_warning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = _configured(level=logging.WARNING)
    calls.write(LINE)
    calls.write(LINE._replace(code="UNAVAILABLE"))
    assert _only_line(capsys)["code"] == "UNAVAILABLE"


def test_pretty_line_of_a_call_has_the_same_fields(capsys: pytest.CaptureFixture[str]) -> None:
    _configured("pretty").write(LINE._replace(reason="NOT_ALLOWED", peer="edge"))
    out = capsys.readouterr().out
    for text in ("rpc_served", "SaveAnswers", "NOT_ALLOWED", "edge", "12.3"):
        assert text in out
