"""Tests of the port plan from environment variables, and of the choice of free ports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest

from proctorium_devstack import ports
from proctorium_devstack.ports import (
    OFFSETS,
    PortError,
    PortPlan,
    PortsInUseError,
    free_ports,
    holder_of,
)


def test_port_base_moves_all_ports_and_a_name_moves_one() -> None:
    plan = PortPlan.from_environment(
        {"PROCTORIUM_PORT_BASE": "8600", "PROCTORIUM_PORT_EDGE_ADMIN": "9901"}
    )
    assert {name: plan[name] for name in OFFSETS} == {
        name: 9901 if name == "edge-admin" else 8600 + offset for name, offset in OFFSETS.items()
    }


@pytest.mark.parametrize("text", ["abc", "0", "70000", "-1", "80.5"])
@pytest.mark.parametrize("name", ["PROCTORIUM_PORT_BASE", "PROCTORIUM_PORT_SMTP"])
def test_invalid_port_is_refused(name: str, text: str) -> None:
    with pytest.raises(PortError, match=f"{name}={text} is not a port"):
        PortPlan.from_environment({name: text})


def test_unknown_listener_is_refused() -> None:
    with pytest.raises(PortError, match=r"PROCTORIUM_PORT_EDGES is unknown.*PROCTORIUM_PORT_EDGE,"):
        PortPlan.from_environment({"PROCTORIUM_PORT_EDGES": "8000"})


def test_ports_in_use_are_listed_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_taken", lambda _: True)
    with pytest.raises(PortsInUseError) as caught:
        PortPlan.from_environment({}).require_free(["nats", "edge", "smtp", "traces"])
    assert list(caught.value.taken) == ["edge", "traces", "smtp", "nats"]


def test_invalid_port_is_reported_and_nothing_starts(tmp_path: Path) -> None:
    environment = {"PROCTORIUM_PORT_BASE": "abc", "PROCTORIUM_DEVSTACK": str(tmp_path / "stack")}
    ended = subprocess.run(
        [sys.executable, "-m", "proctorium_devstack", "up"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout.splitlines() == [
        "PROCTORIUM_PORT_BASE=abc is not a port. Choose a number from 1024 to 65000. Nothing was started."
    ]
    assert ended.stderr == ""


def test_free_ports_are_reserved_for_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    candidates = free_ports(3)
    program = f"""
from proctorium_devstack import ports
ports._CANDIDATES = {candidates!r}
ports.free_ports(1)
"""
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert "PortError: found 0 free ports of 1" in other.stderr
    monkeypatch.setattr(ports, "_CANDIDATES", candidates)
    with pytest.raises(PortError, match="found 0 free ports of 2"):
        free_ports(2)


def test_oldest_reservations_end_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_reservations", deque())
    monkeypatch.setattr(ports, "_MAX_RESERVATIONS", 2)
    oldest, *others = free_ports(3)
    monkeypatch.setattr(ports, "_CANDIDATES", [oldest, *others])
    assert free_ports(1) == [oldest]
    while ports._reservations:
        ports._reservations.pop().close()


def test_long_command_of_a_process_is_shortened_after_a_word() -> None:
    program = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    long = "--disable-" * 8
    with subprocess.Popen(
        [sys.executable, "-c", f"# {long}\n{program}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        holder = holder_of(int(process.stdout.readline()))
        process.stdin.close()
    assert holder.startswith(f"process {process.pid} ({Path(sys.executable).name} -c # …, user ")
