"""Tests of the environment variables of each service in the development stack."""

from __future__ import annotations

import importlib
import stat
import subprocess
from pathlib import Path

import pytest

from proctorium_common.topology import ServiceTopology, services
from proctorium_devstack.__main__ import main
from proctorium_devstack.components.certificates import KeyPair, issue
from proctorium_devstack.data_folder import AlreadyRunningError, DataFolder
from proctorium_devstack.environment import environment_of
from proctorium_devstack.ports import PortPlan
from proctorium_devstack.run_file import ComponentStatus, RunFile

PORTS = PortPlan.from_environment({})
SERVICES = [service for service in services().values() if service.calls]
"""All services except the portal. The portal is excluded because it has no database and does not drain."""


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)


@pytest.fixture
def identity(folder: DataFolder) -> KeyPair:
    return issue(folder.certificates, ["any"])["any"]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_service_reads_each_of_its_variables(
    folder: DataFolder,
    identity: KeyPair,
    service: ServiceTopology,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = importlib.import_module(f"{service.package}.settings").Settings
    environment = environment_of(service, folder, PORTS, identity, traced=True)
    names = {
        name.removeprefix("PROCTORIUM_").lower()
        for name in environment
        if name.startswith("PROCTORIUM_")
    }
    assert names <= set(settings.model_fields)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    read = settings(
        database_url="postgresql://session@localhost/session", nats_url="nats://localhost:4222"
    )
    assert read.listen == f"127.0.0.1:{PORTS[service.name]}"
    assert {callee: read.address_of(callee) for callee in service.calls} == {
        callee: f"127.0.0.1:{PORTS[callee]}" for callee in service.calls
    }


def test_traces_are_exported_only_where_they_are_collected(
    folder: DataFolder, identity: KeyPair
) -> None:
    session = services()["session"]
    for traced in (True, False):
        environment = environment_of(session, folder, PORTS, identity, traced=traced)
        assert ("OTEL_EXPORTER_OTLP_ENDPOINT" in environment) is traced


def test_master_key_is_private_and_stays_the_same(folder: DataFolder, identity: KeyPair) -> None:
    keys = [
        environment_of(services()[name], folder, PORTS, identity, traced=False)[
            "PROCTORIUM_MASTER_KEY"
        ]
        for name in ("enrollment", "enrollment", "assessment", "identity")
    ]
    assert len(set(keys)) == 3
    assert keys[0] == keys[1]
    file = folder.component_folder("enrollment") / "master.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_data_folder_has_one_supervisor(folder: DataFolder) -> None:
    folder.require_unlocked()
    with folder.lock():
        assert folder.is_locked()
        with pytest.raises(AlreadyRunningError):
            folder.require_unlocked()
    assert not folder.is_locked()


def test_logs_of_the_previous_run_are_renamed(folder: DataFolder) -> None:
    log = folder.log_file("nats")
    log.parent.mkdir()
    log.write_text("first")
    folder.rotate_logs()
    assert not log.exists()
    assert log.with_suffix(".log.before").read_text() == "first"


def test_command_prints_the_environment_of_a_service_in_the_running_stack(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROCTORIUM_DEVSTACK", str(folder.root))
    moved = PortPlan.from_environment({"PROCTORIUM_PORT_BASE": "8600"})
    status = ComponentStatus("ready", None)
    state = RunFile(
        supervisor=1,
        folder=str(folder.root),
        addresses={name: f"127.0.0.1:{port}" for name, port in moved.ports.items()},
        certificates=str(folder.certificates),
        components={"postgres": status, "nats": status, "session": status},
    )
    with folder.lock():
        state.write(folder.run_file)
        assert main(["environment", "session"]) == 0
        exports = capsys.readouterr().out
        assert main(["environment", "streams"]) == 0
        declarer = capsys.readouterr().out
        assert main(["environment", "portal"]) == 1
    read = subprocess.run(
        ["sh", "-c", f"{exports}\nexec env"], env={}, capture_output=True, text=True, check=True
    )
    variables = dict(line.split("=", 1) for line in read.stdout.splitlines())
    assert variables["PROCTORIUM_NATS_URL"].endswith(f":{moved['nats']}")
    assert variables["PROCTORIUM_ASSESSMENT_ADDRESS"] == f"127.0.0.1:{moved['assessment']}"
    assert f"@127.0.0.1:{moved['postgres']}/session" in variables["PROCTORIUM_DATABASE_URL"]
    assert [line.partition("=")[0] for line in declarer.splitlines()] == [
        "export PROCTORIUM_NATS_URL",
        "export PROCTORIUM_TLS_CERTIFICATE",
        "export PROCTORIUM_TLS_KEY",
        "export PROCTORIUM_TLS_AUTHORITY",
    ]
    assert f":{moved['nats']}" in declarer
    assert f"={folder.certificates}/streams.key" in declarer
    assert "//session_owner:" in variables["PROCTORIUM_MIGRATION_DATABASE_URL"]


def test_command_without_a_running_stack_prints_nothing_for_the_shell(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROCTORIUM_DEVSTACK", str(folder.root))
    assert main(["environment", "session"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "start one with `make up`" in printed.err
