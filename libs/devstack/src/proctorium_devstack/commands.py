"""The commands: up, reset, doctor."""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
from typing import TYPE_CHECKING

import structlog

from proctorium_devstack.assembly import UnknownComponentError
from proctorium_devstack.console import Console
from proctorium_devstack.folders import AlreadyRunningError, Folders
from proctorium_devstack.parts.postgres import Postgres
from proctorium_devstack.ports import PortError, PortsInUseError
from proctorium_devstack.processes import ComponentFailedError
from proctorium_devstack.run_file import RunFile
from proctorium_devstack.stack import Stack

if TYPE_CHECKING:
    from proctorium_devstack.demo_data import DemoData

FAILED = 1


def up(console: Console, *, only: list[str] | None, with_demo_data: bool) -> int:
    """Start everything and keep it running until Ctrl-C or SIGTERM; the exit code."""
    # Lines of progress are for people; what libraries log is not, unless something is wrong.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        return asyncio.run(_up(console, only, with_demo_data=with_demo_data))
    except AlreadyRunningError:
        return _say_what_runs(console)
    except UnknownComponentError as unknown:
        console.say(str(unknown))
        return FAILED
    except PortError as trouble:
        console.say(f"{trouble} Nothing was started.")
        return FAILED
    except PortsInUseError as trouble:
        console.say("Some ports are not free, so nothing was started:")
        console.say(str(trouble))
        console.say(
            "End what holds them, or choose others: PROCTORIUM_PORT_BASE=8080 make up moves all of them,"
        )
        console.say("PROCTORIUM_PORT_EDGE=8000 (TRACES, MAILBOX, POSTGRES, …) moves one.")
        return FAILED
    except ComponentFailedError as failed:
        console.say(f"\n{failed}")
        for line in failed.last_lines():
            console.say(f"  | {line[:300]}")
        if failed.log is not None:
            console.say(
                f"The whole of it: {failed.log}. `make doctor` looks for the cause. Everything was ended again."
            )
        return FAILED


def reset(console: Console) -> int:
    """Forget the data; refused while a stack runs on it."""
    folders = Folders.of_project()
    if folders.is_held():
        console.say(f"A stack runs on {folders.root}. End it first (Ctrl-C there), then reset.")
        return FAILED
    if folders.root.exists():
        Postgres(folders.of("postgres"), port=0, log=folders.log("postgres")).forget()
        shutil.rmtree(folders.root)
    console.say(f"Forgotten: {folders.root}")
    return 0


async def _up(console: Console, only: list[str] | None, *, with_demo_data: bool) -> int:
    started: list[Stack] = []
    running = asyncio.create_task(_run(console, started, only, with_demo_data=with_demo_data))
    _end_on_signals(running, started, console)
    try:
        await running
    except asyncio.CancelledError:
        console.say("ended; nothing is left running, and the data stays")
    return 0


async def _run(
    console: Console, started: list[Stack], only: list[str] | None, *, with_demo_data: bool
) -> None:
    async with Stack.running(parts=only, tell=console.tell, announce=started.append) as stack:
        loaded = await _load(stack, console) if with_demo_data else None
        stack.complete(loaded.sign_ins if loaded else ())
        console.table(stack.state, loaded.code if loaded else None)
        if loaded is not None and loaded.code is None:
            console.say("The demo data has no session now: its proctor leads another one.")
        await asyncio.Event().wait()


async def _load(stack: Stack, console: Console) -> DemoData:
    # Every stub of every service comes with it: not something that `up --only nats` should wait for.
    from proctorium_devstack import demo_data

    return await demo_data.load(stack, console.tell)


def _end_on_signals(running: asyncio.Task[None], started: list[Stack], console: Console) -> None:
    """The first signal ends everything in order, the second at once."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        if running.cancelling():
            for stack in started:
                stack.kill_all()
        else:
            console.say("\nending everything (once more: kill it)")
            running.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end)


def _say_what_runs(console: Console) -> int:
    try:
        state = RunFile.read(Folders.of_project().run_file)
    except FileNotFoundError:
        console.say("Another `make up` is just starting or ending here.")
        return FAILED
    console.say(f"Proctorium runs already here (process {state.supervisor}).")
    console.say("End it with Ctrl-C where it was started, or use it: `make demo`, `make doctor`.")
    return FAILED
