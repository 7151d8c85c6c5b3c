"""Test that the size of a log line is limited for any content of the request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proctorium_common.telemetry.logs import CallLine, CallLog, configure_logs, get_logger

LINE_BYTES = 24 * 1024


def line_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    printed = capsys.readouterr().out
    assert len(printed.encode()) < LINE_BYTES
    line: dict[str, Any] = json.loads(printed)
    return line


def test_long_field_is_truncated(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(format="json")
    get_logger().info("something_happened", what="x" * 1_000_000, deep=["y" * 1_000_000])
    line = line_of(capsys)
    assert line["what"].startswith("xxx")


def test_long_stack_trace_keeps_its_start_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(format="json")
    try:
        raise RuntimeError("z" * 1_000_000 + " the end")
    except RuntimeError as failure:
        get_logger().error("something_failed", exc_info=failure)
    line = line_of(capsys)
    assert "Traceback" in line["exception"]
    assert line["exception"].endswith(" the end")


def test_line_of_a_call_is_bounded() -> None:
    line = CallLine(
        "session",
        "/a/B",
        "OK",
        0.1,
        1,
        "person:1",
        peer="p" * 100_000,
        ids={"session_id": "\0" * 1_000_000},
    )
    assert len(CallLog()._json(line, "info")) < 2048
