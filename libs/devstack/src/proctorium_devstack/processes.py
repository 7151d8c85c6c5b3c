"""Child processes, which write to a log file. The script `launch` starts them, so that they end with their parent."""

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
    """A component ended or did not become ready. `log` is the file with the component's output.

    The note of the error contains the last lines of the log, because tests delete the file.
    """

    def __init__(self, component: str, message: str, log: Path | None = None) -> None:
        super().__init__(f"{component}: {message}")
        self.component = component
        self.log = log
        if lines := self.last_lines():
            self.add_note("\n".join(lines))

    def last_lines(self, count: int = 25) -> list[str]:
        """Return the last lines of the component's log, at most `count`. Return an empty list if there is no log."""
        if self.log is None or not self.log.exists():
            return []
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]


@dataclass(frozen=True)
class User:
    """The user of a process, with the user id and group id from the password database."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Command:
    """A command line, and the environment, user and signals of the process that runs the command line.

    `stop_signal` requests an orderly end of the process. The kernel sends `death_signal` when the parent process ends.
    Secrets are passed in `stdin`, because other users of this machine can see `arguments`.
    """

    name: str
    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str] | None = None
    folder: Path | None = None
    user: User | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    stdin: bytes = b""


class Process:
    """A process that runs a `Command`.

    The process has a separate process group. Therefore Ctrl-C in a terminal sends a signal only to the supervisor.
    """

    def __init__(self, command: Command) -> None:
        """Start the process. The process receives `death_signal` when the calling thread ends."""
        self.command = command
        self._popen = _spawn(command)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while the process runs.

        If a signal ended the process, the exit code is the negative number of the signal.
        """
        return self._popen.poll()

    async def wait(self) -> int:
        """Wait until the process has ended, and return its exit code."""
        while (code := self._popen.poll()) is None:
            await _until_ended(self.pid)
        return code

    async def stop(self, grace: float) -> int:
        """Stop the process and return its exit code.

        Send the stop signal. If the process still runs after `grace` seconds, kill it. Then kill the remaining
        processes of its group.
        """
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
        """Send a signal to the process if it still runs. The other processes of its group receive no signal."""
        if self._popen.poll() is None:
            self._popen.send_signal(number)

    def kill(self) -> None:
        """Send SIGKILL to the process and the other processes of its group, if the process still runs."""
        if self._popen.poll() is None:
            self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def describe_exit(code: int) -> str:
    """Return a readable description of an exit code, such as `was killed (SIGKILL)` or `ended with 1`."""
    return f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with {code}"


async def run(command: Command, timeout: float) -> None:
    """Run a command until it ends. Raises ComponentFailedError if it fails or needs more than `timeout` seconds."""
    process = Process(command)
    try:
        async with asyncio.timeout(timeout):
            code = await process.wait()
    except TimeoutError:
        raise ComponentFailedError(
            command.name, f"not finished after {timeout:.0f} s", command.log
        ) from None
    finally:
        process.kill()
        await process.wait()
    if code != 0:
        raise ComponentFailedError(command.name, describe_exit(code), command.log)


def _spawn(command: Command) -> subprocess.Popen[bytes]:
    user = command.user
    launch = [
        sys.executable,
        *("-I", "-S", str(_LAUNCH), str(os.getpid()), str(int(command.death_signal))),
        *(str(user.uid if user else -1), str(user.gid if user else -1), "--"),
    ]
    command.log.parent.mkdir(parents=True, exist_ok=True)
    # The input is a temporary file, because a pipe would need a thread that writes while the process reads.
    with command.log.open("ab") as log, tempfile.TemporaryFile() as stdin:
        stdin.write(command.stdin)
        stdin.seek(0)
        return subprocess.Popen(
            [*launch, *command.arguments],
            stdin=stdin if command.stdin else subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(os.environ if command.environment is None else command.environment),
            cwd=command.folder,
            start_new_session=True,
        )


async def _until_ended(pid: int) -> None:
    """Wait until the process ends, or only for a moment if the system has no pidfd. The caller checks the exit code."""
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
