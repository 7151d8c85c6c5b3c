"""Test that the process `edge_keys` reports invalid settings and a missing folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from proctorium_access import edge_keys


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("PROCTORIUM_TOKEN_CHECK_FILE", str(tmp_path / "check.json"))
    monkeypatch.setenv("PROCTORIUM_ENROLLMENT_ADDRESS", "127.0.0.1:1")
    return monkeypatch


@pytest.mark.parametrize("missing", ["TOKEN_CHECK_FILE", "ENROLLMENT_ADDRESS"])
def test_missing_setting_is_named(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    environment.delenv(f"PROCTORIUM_{missing}")
    assert edge_keys.main() == 2
    assert f"PROCTORIUM_{missing} is missing" in capsys.readouterr().err


def test_plaintext_over_a_network_is_refused(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("PROCTORIUM_ENROLLMENT_ADDRESS", "enrollment.example:50051")
    assert edge_keys.main() == 2
    assert "needs certificates" in capsys.readouterr().err


def test_missing_folder_is_an_error(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    missing = tmp_path / "missing" / "check.json"
    environment.setenv("PROCTORIUM_TOKEN_CHECK_FILE", str(missing))
    assert edge_keys.main() == 1
    assert "cannot be written" in capsys.readouterr().err
