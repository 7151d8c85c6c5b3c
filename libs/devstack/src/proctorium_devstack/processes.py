"""Child processes that end when we do: started through `launch`, logged to a file, awaited without polling."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LAUNCH = Path(__file__).with_name("launch.py")


class ComponentFailedError(Exception):
    """A part ended or did not become ready; `log` holds what it said."""

    def __init__(self, part: str, message: str, log: Path | None = None) -> None:
        super().__init__(f"{part}: {message}")
        self.part = part
        self.log = log

    def last_lines(self, count: int = 25) -> list[str]:
        """The end of the part's log, or nothing where there is none."""
        if self.log is None or not self.log.exists():
            return []
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]


@dataclass(frozen=True)
class User:
    """Whom a process runs as; the ids are those of the password database."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Command:
    """What to run. `death_signal` is what it gets when we are gone, `stop_signal` what asks it to end.

    `told` is what it reads on standard input: a secret, which others on this machine could see among its arguments.
    """

    name: str
    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str] | None = None
    folder: Path | None = None
    user: User | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    told: bytes = b""


class Process:
    """A running `Command`, leader of its own process group so that a terminal's Ctrl-C reaches only the supervisor."""

    def __init__(self, command: Command) -> None:
        """Start it now. Must be called from a thread that lives as long as the process should."""
        self.command = command
        self._popen = _spawn(command)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code once it ended (negative: the signal), else None."""
        return self._popen.poll()

    async def wait(self) -> int:
        """Wait until it ends; its exit code."""
        while (code := self._popen.poll()) is None:
            await _until_ended(self.pid)
        return code

    async def stop(self, grace: float) -> int:
        """Ask it to end, and after `grace` seconds end it. No process of its group is left."""
        self.signal(self.command.stop_signal)
        try:
            async with asyncio.timeout(grace):
                await self.wait()
        except TimeoutError:
            self.kill()
        code = await self.wait()
        self._kill_group()
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process itself, if it still runs."""
        if self._popen.poll() is None:
            self._popen.send_signal(number)

    def kill(self) -> None:
        """SIGKILL for it and all of its group."""
        if self._popen.poll() is None:
            self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


async def run(command: Command, timeout: float) -> None:
    """Run a command to its end; ComponentFailedError if it fails or takes longer than `timeout` seconds."""
    process = Process(command)
    try:
        async with asyncio.timeout(timeout):
            code = await process.wait()
    except TimeoutError:
        raise ComponentFailedError(
            command.name, f"not done after {timeout:.0f} s", command.log
        ) from None
    finally:
        process.kill()
        await process.wait()
    if code != 0:
        raise ComponentFailedError(command.name, f"ended with {code}", command.log)


def _spawn(command: Command) -> subprocess.Popen[bytes]:
    user = command.user
    launch = [
        sys.executable,
        *("-I", "-S", str(_LAUNCH), str(os.getpid()), str(int(command.death_signal))),
        *(str(user.uid if user else -1), str(user.gid if user else -1), "--"),
    ]
    command.log.parent.mkdir(parents=True, exist_ok=True)
    # A file without a name: it is read to its end, and nobody has to feed it.
    with command.log.open("ab") as log, tempfile.TemporaryFile() as told:
        told.write(command.told)
        told.seek(0)
        return subprocess.Popen(
            [*launch, *command.arguments],
            stdin=told if command.told else subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(os.environ if command.environment is None else command.environment),
            cwd=command.folder,
            start_new_session=True,
        )


async def _until_ended(pid: int) -> None:
    """Return when the process has ended (it may then still have to be reaped)."""
    if not hasattr(os, "pidfd_open"):
        await asyncio.sleep(0.05)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    descriptor = os.pidfd_open(pid)
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
