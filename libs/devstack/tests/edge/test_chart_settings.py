"""Tests of the program that renders the edge's configuration in Kubernetes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from proctorium_devstack import edge_configuration
from proctorium_devstack.edge import Address
from proctorium_devstack.edge_configuration import EdgeSettingsError, settings_of

GIVEN = {
    "listen": {"host": "0.0.0.0", "port": 8443},
    "admin": {"host": "127.0.0.1", "port": 9901},
    "services": [{"name": "enrollment", "address": {"host": "enrollment", "port": 50051}}],
    "portal": {"host": "portal", "port": 8080},
    "client": {"certificate": "/c/tls.crt", "key": "/c/tls.key", "authority": "/c/ca.crt"},
    "token_check": "/keys/token_check.json",
    "descriptors": "/config/descriptors.binpb",
}


def test_settings_are_read_from_json() -> None:
    settings = settings_of(json.dumps({**GIVEN, "trusted_hops": 2, "tracing": GIVEN["portal"]}))
    assert settings.services[0].address == Address("enrollment", 50051)
    assert settings.tracing == Address("portal", 8080)
    assert settings.trusted_hops == 2
    assert settings.tls is None


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"trusted_hop": 1}, "There is no setting trusted_hop"),
        ({"listen": {"host": "x"}}, "not valid"),
        ({"services": [{"name": "x"}]}, "not valid"),
        ({"client": None}, "not valid"),
    ],
    ids=["unknown", "no-port", "no-address", "no-certificate"],
)
def test_wrong_settings_are_refused(changed: dict[str, object], sentence: str) -> None:
    with pytest.raises(EdgeSettingsError, match=sentence):
        settings_of(json.dumps({**GIVEN, **changed}))


def test_text_that_is_no_object_is_refused() -> None:
    for text in ("", "[]", "7"):
        with pytest.raises(EdgeSettingsError):
            settings_of(text)


def test_program_writes_the_configuration_and_the_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "edge.json"
    arguments = ["edge_configuration", "--settings", str(settings), "--folder", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    settings.write_text(json.dumps({**GIVEN, "wrong": 1}), "utf-8")
    assert edge_configuration.main() == 2
    assert "There is no setting wrong" in capsys.readouterr().err
    settings.write_text(json.dumps(GIVEN), "utf-8")
    assert edge_configuration.main() == 0
    assert "enrollment" in (tmp_path / "edge.yaml").read_text("utf-8")
    assert (tmp_path / "descriptors.binpb").stat().st_size > 0
