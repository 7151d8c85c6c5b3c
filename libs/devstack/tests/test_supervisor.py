"""Tests of the command `up`. It runs in a separate process, which the tests end in several ways."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from proctorium_devstack.components.postgres import may_enter, unprivileged_user
from proctorium_devstack.data_folder import DataFolder
from proctorium_devstack.ports import OFFSETS, free_ports
from proctorium_devstack.processes import User
from proctorium_devstack.run_file import RunFile
from proctorium_devstack.stack import RunningStack
from proctorium_devstack.testing.waiting import until

COMPONENTS = "postgres,nats,mailbox"
TIMEOUT = 60.0


class Supervised:
    """A stack with a separate data folder and separate ports."""

    def __init__(self, folder: Path) -> None:
        self.data_folder = DataFolder(folder)
        ports = dict(zip(OFFSETS, free_ports(len(OFFSETS)), strict=True))
        self.environment = {
            **os.environ,
            "PROCTORIUM_DEVSTACK": str(folder),
            **{
                f"PROCTORIUM_PORT_{name.upper().replace('-', '_')}": str(port)
                for name, port in ports.items()
            },
        }
        self.ports = ports
        self.python = sys.executable
        self.user: User | None = None

    def run_as(self, python: str, user: User) -> None:
        """Run all following commands as `user`, with the interpreter `python`."""
        self.python, self.user = python, user

    def command(self, *words: str) -> list[str]:
        return [self.python, "-m", "proctorium_devstack", *words]

    @property
    def output(self) -> Path:
        """The file with the output of the command that the method `start` has started."""
        return self.data_folder.root.with_suffix(".out")

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command and return its process."""
        with self.output.open("w") as out:
            return subprocess.Popen(
                self.command(*words),
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
                user=self.user.uid if self.user else None,
                group=self.user.gid if self.user else None,
                extra_groups=[] if self.user else None,
            )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command and return its result."""
        return subprocess.run(
            self.command(*words),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
        )

    @asynccontextmanager
    async def up(self) -> AsyncIterator[subprocess.Popen[str]]:
        """Run the command `up`, and enter the block when the start of the stack is complete.

        After the block, kill the process of the command if it still runs.
        """
        process = self.start("up", "--only", COMPONENTS)
        components: list[psutil.Process] = []
        try:
            await until(lambda: process.poll() is not None or self.is_complete())
            assert process.poll() is None, self.output.read_text()
            components = self.processes()
            yield process
        finally:
            if process.poll() is None and self.data_folder.run_file.exists():
                components += self.processes()
            process.kill()
            process.wait()
            await until(lambda: not _alive(components))

    def is_complete(self) -> bool:
        try:
            return RunFile.read(self.data_folder.run_file).complete
        except FileNotFoundError:
            return False

    def processes(self) -> list[psutil.Process]:
        """Return the running processes of all components and their child processes."""
        found: list[psutil.Process] = []
        components = RunFile.read(self.data_folder.run_file).components.values()
        for pid in (component.pid for component in components if component.pid):
            with contextlib.suppress(psutil.NoSuchProcess):  # the process has ended
                process = psutil.Process(pid)
                found += [process, *process.children(recursive=True)]
        return found


@pytest.fixture
def supervised(devstack_folder: Path) -> Iterator[Supervised]:
    folder = devstack_folder / "supervised"
    yield Supervised(folder)
    if folder.exists():
        shutil.rmtree(folder)


def _alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if _is_alive(process)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:  # the process ended after is_running()
        return False


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name
)
async def test_no_process_is_left_after_the_supervisor_ended(
    supervised: Supervised, number: signal.Signals
) -> None:
    async with supervised.up() as supervisor:
        processes = supervised.processes()
        assert len(processes) > len(COMPONENTS.split(","))
        supervisor.send_signal(number)
        await until(lambda: supervisor.poll() is not None)
        await until(lambda: not _alive(processes))
    assert supervised.data_folder.run_file.exists() == (number == signal.SIGKILL)
    assert not supervised.data_folder.is_locked()


async def test_data_persists_between_runs_until_a_reset(supervised: Supervised) -> None:
    async with supervised.up() as supervisor:
        await _execute(supervised, "CREATE TABLE persisted (line text)")
        assert supervised.run("reset").returncode == 1
        supervisor.terminate()
        supervisor.wait(TIMEOUT)
    async with supervised.up() as supervisor:
        await _execute(supervised, "INSERT INTO persisted VALUES ('found again')")
        supervisor.terminate()
        supervisor.wait(TIMEOUT)
    assert supervised.run("reset").stdout == f"Deleted: {supervised.data_folder.root}\n"
    assert not supervised.data_folder.root.exists()
    again = supervised.run("reset")
    assert again.returncode == 0
    assert again.stdout.startswith("Nothing to delete: ")


async def test_second_up_on_one_folder_is_refused(supervised: Supervised) -> None:
    async with supervised.up() as supervisor:
        second = supervised.run("up", "--only", COMPONENTS)
    assert second.returncode == 1
    assert f"process {supervisor.pid}" in second.stdout


async def test_killed_component_is_restarted(supervised: Supervised) -> None:
    async with supervised.up():
        stack = RunningStack.attach(supervised.data_folder.root)
        for component in COMPONENTS.split(","):
            before = stack.pid(component)
            await stack.kill(component)
            await stack.ready(component)
            assert stack.pid(component) != before
            assert stack.state.components[component].restarts == 1
    output = supervised.output.read_text()
    assert output.count("was killed (SIGKILL), restarting") == len(COMPONENTS.split(","))


def test_ports_in_use_are_all_named_before_anything_starts(supervised: Supervised) -> None:
    with (
        socket.create_server(("127.0.0.1", supervised.ports["nats"])),
        socket.create_server(("127.0.0.1", supervised.ports["smtp"])),
    ):
        refused = supervised.run("up", "--only", COMPONENTS)
    assert refused.returncode == 1
    for name in ("nats", "smtp"):
        assert (
            f"{supervised.ports[name]}  needed for {name}, used by process {os.getpid()}"
            in refused.stdout
        )
    assert not supervised.data_folder.root.exists(), "a refusal must not create files"


@pytest.mark.parametrize(
    ("environment", "components"),
    [({}, "postgres,nobody"), ({"PROCTORIUM_PORT_NATS": "high"}, COMPONENTS)],
    ids=["component", "port"],
)
def test_refused_start_creates_no_data_folder(
    supervised: Supervised, environment: dict[str, str], components: str
) -> None:
    supervised.environment |= environment
    assert supervised.run("up", "--only", components).returncode == 1
    assert not supervised.data_folder.root.exists()


def test_failed_component_shows_its_log_and_stops_the_others(
    supervised: Supervised,
) -> None:
    store = supervised.data_folder.component_folder("nats") / "jetstream"
    store.parent.mkdir(parents=True)
    store.write_text("a file where a folder should be")
    failed = supervised.run("up", "--only", COMPONENTS)
    assert failed.returncode == 1
    assert "nats: ended with 1" in failed.stdout
    assert f"  | {_last_line(supervised.data_folder.log_file('nats'))}" in failed.stdout
    assert not supervised.data_folder.run_file.exists()
    assert not [process for process in psutil.process_iter(["cmdline"])
                if str(supervised.data_folder.root) in " ".join(process.info["cmdline"] or ())]  # fmt: skip


def test_doctor_finds_a_port_in_use_and_names_the_remedy(supervised: Supervised) -> None:
    assert supervised.run("doctor").returncode == 0
    with socket.create_server(("127.0.0.1", supervised.ports["edge"])):
        report = supervised.run("doctor")
    assert report.returncode == 1
    assert (
        f"port {supervised.ports['edge']} (edge) is used by process {os.getpid()}" in report.stdout
    )
    assert "PROCTORIUM_PORT_EDGE" in report.stdout


def test_doctor_finds_processes_of_an_earlier_run(supervised: Supervised) -> None:
    leftover = subprocess.Popen(
        [sys.executable, "-c", "input()  # proctorium", str(supervised.data_folder.root)],
        stdin=subprocess.PIPE,
    )
    try:
        supervised.data_folder.root.mkdir()
        (supervised.data_folder.root / "lock").touch()
        state = {"state": "ready", "pid": leftover.pid, "restarts": 0}
        supervised.data_folder.run_file.write_text(
            json.dumps(
                {
                    "supervisor": 1,
                    "folder": "",
                    "addresses": {},
                    "certificates": "",
                    "components": {"nats": state},
                    "sign_ins": [],
                }
            )
        )
        report = supervised.run("doctor")
    finally:
        leftover.communicate(b"\n")
    assert f"left over from an earlier run: processes {leftover.pid}" in report.stdout
    assert report.returncode == 1


def _last_line(log: Path) -> str:
    return log.read_text().splitlines()[-1]


async def _execute(supervised: Supervised, statement: str) -> None:
    """Execute a statement as superuser through the socket of the running PostgreSQL server."""
    from proctorium_devstack.components.postgres import Postgres

    server = Postgres(
        supervised.data_folder.component_folder("postgres"),
        supervised.ports["postgres"],
        supervised.data_folder.log_file("postgres"),
    )
    connection = await server.connect()
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _python_of(user: User) -> str | None:
    """Return a Python interpreter that `user` may execute, or None if there is none.

    The interpreter has the same version as the interpreter of this process.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        if Path(python).exists() and may_enter(Path(python).resolve().parent, user):
            return python
    return None


@pytest.mark.skipif(
    os.geteuid() != 0, reason="all other tests of this file already run as an unprivileged user"
)
async def test_stack_runs_as_an_unprivileged_user(supervised: Supervised) -> None:
    user = unprivileged_user()
    python = _python_of(user)
    if python is None or not may_enter(Path(psutil.__file__).parent, user):
        pytest.skip("only root may read this Python and its packages")
    supervised.data_folder.root.mkdir()
    os.chown(supervised.data_folder.root, user.uid, user.gid)
    supervised.environment["PYTHONPATH"] = os.pathsep.join(
        path for path in sys.path if Path(path).is_dir()
    )
    supervised.run_as(python, user)
    async with supervised.up() as supervisor:
        processes = supervised.processes()
        assert {process.username() for process in processes} == {user.name}
        supervisor.send_signal(signal.SIGINT)
        await until(lambda: supervisor.poll() is not None)
    assert not _alive(processes)
