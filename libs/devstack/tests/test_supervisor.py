"""`up` as a person runs it: a process with parts under it, ended in every way there is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from proctorium_devstack.folders import Folders
from proctorium_devstack.parts.postgres import may_enter, unprivileged_user
from proctorium_devstack.ports import OFFSETS, free_ports
from proctorium_devstack.processes import User
from proctorium_devstack.run_file import RunFile
from proctorium_devstack.stack import RunningStack

PARTS = "postgres,nats,mailbox"
PATIENCE = 60.0


async def _until(holds: Callable[[], bool], what: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.05)
    assert holds(), what


class Supervised:
    """An `up` on a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folders = Folders(folder)
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

    def become(self, python: str, user: User) -> None:
        """Run what follows with another Python as another user."""
        self.python, self.user = python, user

    def command(self, *words: str) -> list[str]:
        return [self.python, "-m", "proctorium_devstack", *words]

    @property
    def output(self) -> Path:
        """What was said by what `start` started."""
        return self.folders.root.with_suffix(".out")

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A command that goes on."""
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
        """A command beside it, to its end."""
        return subprocess.run(
            self.command(*words),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    @asynccontextmanager
    async def up(self) -> AsyncIterator[subprocess.Popen[str]]:
        """`up`, complete; killed afterwards if it has not ended, and with it its parts."""
        process = self.start("up", "--only", PARTS)
        parts: list[psutil.Process] = []
        try:
            await _until(lambda: process.poll() is not None or self.is_complete(), "up is complete")
            assert process.poll() is None, self.output.read_text()
            parts = self.processes()
            yield process
        finally:
            if process.poll() is None and self.folders.run_file.exists():
                parts += self.processes()
            process.kill()
            process.wait()
            await _until(lambda: not _alive(parts), "its parts ended")

    def is_complete(self) -> bool:
        try:
            return RunFile.read(self.folders.run_file).complete
        except FileNotFoundError:
            return False

    def processes(self) -> list[psutil.Process]:
        """Every process of its parts, children of parts included."""
        found: list[psutil.Process] = []
        parts = RunFile.read(self.folders.run_file).parts.values()
        for pid in (part.pid for part in parts if part.pid):
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended
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
    except psutil.NoSuchProcess:  # it ended between the two questions
        return False


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name
)
async def test_no_process_is_left_however_the_supervisor_ends(
    supervised: Supervised, number: signal.Signals
) -> None:
    async with supervised.up() as supervisor:
        processes = supervised.processes()
        assert len(processes) > len(PARTS.split(","))
        supervisor.send_signal(number)
        await _until(lambda: supervisor.poll() is not None, "the supervisor ended")
        await _until(lambda: not _alive(processes), "no process is left")
    assert supervised.folders.run_file.exists() == (number == signal.SIGKILL)
    assert not supervised.folders.is_held()


async def test_a_second_run_finds_the_data_and_clean_forgets_it(supervised: Supervised) -> None:
    async with supervised.up() as supervisor:
        await _execute(supervised, "CREATE TABLE kept (line text)")
        assert supervised.run("reset").returncode == 1
        supervisor.terminate()
        supervisor.wait(PATIENCE)
    async with supervised.up() as supervisor:
        await _execute(supervised, "INSERT INTO kept VALUES ('found again')")
        supervisor.terminate()
        supervisor.wait(PATIENCE)
    assert supervised.run("reset").returncode == 0
    assert not supervised.folders.root.exists()


async def test_a_second_run_beside_the_first_says_so(supervised: Supervised) -> None:
    async with supervised.up() as supervisor:
        second = supervised.run("up", "--only", PARTS)
    assert second.returncode == 1
    assert f"process {supervisor.pid}" in second.stdout


async def test_a_part_that_was_killed_is_started_again(supervised: Supervised) -> None:
    async with supervised.up():
        stack = RunningStack.attach(supervised.folders.root)
        for part in PARTS.split(","):
            before = stack.pid(part)
            await stack.kill(part)
            await stack.ready(part)
            assert stack.pid(part) != before
            assert stack.state.parts[part].restarts == 1


def test_taken_ports_are_named_together_before_anything_starts(supervised: Supervised) -> None:
    with (
        socket.create_server(("127.0.0.1", supervised.ports["nats"])),
        socket.create_server(("127.0.0.1", supervised.ports["smtp"])),
    ):
        refused = supervised.run("up", "--only", PARTS)
    assert refused.returncode == 1
    for name in ("nats", "smtp"):
        assert (
            f"{supervised.ports[name]}  wanted for {name}, held by process {os.getpid()}"
            in refused.stdout
        )
    assert not supervised.folders.root.exists(), "a refusal leaves nothing behind"


@pytest.mark.parametrize(
    ("environment", "parts"),
    [({}, "postgres,nobody"), ({"PROCTORIUM_PORT_NATS": "high"}, PARTS)],
    ids=["part", "port"],
)
def test_what_is_refused_before_it_starts_leaves_no_data_folder(
    supervised: Supervised, environment: dict[str, str], parts: str
) -> None:
    supervised.environment |= environment
    assert supervised.run("up", "--only", parts).returncode == 1
    assert not supervised.folders.root.exists()


def test_a_part_that_does_not_start_shows_its_log_and_ends_the_others(
    supervised: Supervised,
) -> None:
    store = supervised.folders.of("nats") / "jetstream"
    store.parent.mkdir(parents=True)
    store.write_text("a file where a folder should be")
    failed = supervised.run("up", "--only", PARTS)
    assert failed.returncode == 1
    assert "nats: ended with 1" in failed.stdout
    assert f"  | {_last_line(supervised.folders.log('nats'))}" in failed.stdout
    assert not supervised.folders.run_file.exists()
    assert not [process for process in psutil.process_iter(["cmdline"])
                if str(supervised.folders.root) in " ".join(process.info["cmdline"] or ())]  # fmt: skip


def test_the_doctor_finds_a_taken_port_and_says_the_cure(supervised: Supervised) -> None:
    assert supervised.run("doctor").returncode == 0
    with socket.create_server(("127.0.0.1", supervised.ports["edge"])):
        sick = supervised.run("doctor")
    assert sick.returncode == 1
    assert f"port {supervised.ports['edge']} (edge) is held by process {os.getpid()}" in sick.stdout
    assert "PROCTORIUM_PORT_EDGE" in sick.stdout


def test_the_doctor_finds_processes_that_were_left_over(supervised: Supervised) -> None:
    left = subprocess.Popen(
        [sys.executable, "-c", "input()  # proctorium", str(supervised.folders.root)],
        stdin=subprocess.PIPE,
    )
    try:
        supervised.folders.root.mkdir()
        (supervised.folders.root / "lock").touch()
        state = {"state": "ready", "pid": left.pid, "restarts": 0}
        supervised.folders.run_file.write_text(
            json.dumps(
                {
                    "supervisor": 1,
                    "folder": "",
                    "addresses": {},
                    "certificates": "",
                    "parts": {"nats": state},
                    "sign_ins": [],
                }
            )
        )
        sick = supervised.run("doctor")
    finally:
        left.communicate(b"\n")
    assert f"left over from an earlier run: processes {left.pid}" in sick.stdout
    assert sick.returncode == 1


def _last_line(log: Path) -> str:
    return log.read_text().splitlines()[-1]


async def _execute(supervised: Supervised, statement: str) -> None:
    """As the superuser, by the socket of the running server."""
    from proctorium_devstack.parts.postgres import Postgres

    server = Postgres(
        supervised.folders.of("postgres"),
        supervised.ports["postgres"],
        supervised.folders.log("postgres"),
    )
    connection = await server.connect()
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _python_of(user: User) -> str | None:
    """A Python that `user` may run and that our packages fit; ours may lie in a folder that is closed to them."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        if Path(python).exists() and may_enter(Path(python).resolve().parent, user):
            return python
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="then all other tests here run as an ordinary user")
async def test_it_runs_as_an_ordinary_user_too(supervised: Supervised) -> None:
    user = unprivileged_user()
    python = _python_of(user)
    if python is None or not may_enter(Path(psutil.__file__).parent, user):
        pytest.skip("this Python and its packages are closed to everybody but root")
    supervised.folders.root.mkdir()
    os.chown(supervised.folders.root, user.uid, user.gid)
    supervised.environment["PYTHONPATH"] = os.pathsep.join(
        path for path in sys.path if Path(path).is_dir()
    )
    supervised.become(python, user)
    async with supervised.up() as supervisor:
        processes = supervised.processes()
        assert {process.username() for process in processes} == {user.name}
        supervisor.send_signal(signal.SIGINT)
        await _until(lambda: supervisor.poll() is not None, "the supervisor ended")
    assert not _alive(processes)
