"""Tests of the output and the exit status of `make lint`."""

from __future__ import annotations

import pytest

from tools import lint


def test_unknown_check_is_refused_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert lint.main(["spelling"]) == 2
    assert (
        f"There is no check spelling; there are: {', '.join(lint.CHECKS)}."
        in capsys.readouterr().out
    )


def test_all_checks_run_although_one_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lint, "CHECKS", {"first": lambda: "a.py:1: wrong\n", "second": lambda: ""})
    assert lint.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("first     FAILED")
    assert lines[1] == "    a.py:1: wrong"
    assert any(line.startswith("second    ok") for line in lines)
    assert lines[-1].startswith("lint: first failed")


def test_command_that_fails_without_output_is_a_finding() -> None:
    assert lint.run_command("false", cure="do this") == "exit status 1\n→ do this"
    assert lint.run_command("true") == ""
