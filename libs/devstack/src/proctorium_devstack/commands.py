"""The commands `up`, `reset` and `environment`."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import signal
import sys
from typing import TYPE_CHECKING

from proctorium_devstack.components.component import UnknownComponentError
from proctorium_devstack.components.postgres import Postgres
from proctorium_devstack.console import Console, show_only_warnings
from proctorium_devstack.data_folder import AlreadyRunningError, DataFolder
from proctorium_devstack.ports import PortError, PortsInUseError
from proctorium_devstack.processes import ComponentFailedError
from proctorium_devstack.run_file import RunFile
from proctorium_devstack.stack import NotRunningError, RunningStack, Stack

if TYPE_CHECKING:
    from proctorium_devstack.demo_data import DemoData

FAILED = 1


def up(console: Console, *, only: list[str] | None, with_demo_data: bool) -> int:
    """Start the stack, run it until Ctrl-C or SIGTERM, and return the exit code."""
    show_only_warnings()
    try:
        return asyncio.run(_up(console, only, with_demo_data=with_demo_data))
    except AlreadyRunningError:
        return _report_running_stack(console)
    except UnknownComponentError as error:
        console.write_line(str(error))
        return FAILED
    except PortError as error:
        console.write_line(f"{error} Nothing was started.")
        return FAILED
    except PortsInUseError as error:
        console.write_line("Some ports are not free, so nothing was started:")
        console.write_line(str(error))
        console.write_line(
            "Stop the processes that use them, or choose other ports: PROCTORIUM_PORT_BASE=8080 make up moves all of them,"
        )
        console.write_line("PROCTORIUM_PORT_EDGE=8000 (TRACES, MAILBOX, POSTGRES, …) moves one.")
        return FAILED
    except ComponentFailedError as failed:
        console.write_line(f"\n{failed}")
        for line in failed.last_lines():
            console.write_line(f"  | {line[:300]}")
        if failed.log is not None:
            console.write_line(
                f"The complete log: {failed.log}. `make doctor` looks for the cause. All components were stopped."
            )
        return FAILED


def reset(console: Console) -> int:
    """Delete the data and return the exit code. If a running stack uses the data, nothing is deleted."""
    data_folder = DataFolder.default()
    if data_folder.is_locked():
        console.write_line(
            f"A stack runs in {data_folder.root}. Stop it with Ctrl-C where it was started, then reset."
        )
        return FAILED
    if not data_folder.root.exists():
        console.write_line(f"Nothing to delete: {data_folder.root} does not exist.")
        return 0
    Postgres(
        data_folder.component_folder("postgres"), port=0, log=data_folder.log_file("postgres")
    ).delete_data()
    shutil.rmtree(data_folder.root)
    console.write_line(f"Deleted: {data_folder.root}")
    return 0


def environment(console: Console, service: str) -> int:
    """Print the environment variables of a service in the running stack as shell exports, and return the exit code."""
    try:
        variables = RunningStack.attach().environment(service)
    except NotRunningError as error:
        # Error messages are written to standard error, because a shell evaluates the standard output of this command.
        print(error, file=sys.stderr)
        return FAILED
    for name, value in variables.items():
        console.write_line(f"export {name}={shlex.quote(value)}")
    return 0


async def _up(console: Console, only: list[str] | None, *, with_demo_data: bool) -> int:
    started: list[Stack] = []
    running = asyncio.create_task(_run(console, started, only, with_demo_data=with_demo_data))
    _stop_on_signals(running, started, console)
    try:
        await running
    except asyncio.CancelledError:
        console.write_line("stopped all components; the data is preserved")
    return 0


async def _run(
    console: Console, started: list[Stack], only: list[str] | None, *, with_demo_data: bool
) -> None:
    async with Stack.running(
        components=only, on_event=console.write_event, on_created=started.append
    ) as stack:
        loaded = await _load(stack, console) if with_demo_data else None
        stack.complete(loaded.sign_ins if loaded else ())
        console.write_summary(stack.state, loaded.code if loaded else None)
        if loaded is not None and loaded.code is None:
            console.write_line(
                "The demo data has no session now, because its proctor leads another session."
            )
        await asyncio.Event().wait()


async def _load(stack: Stack, console: Console) -> DemoData:
    # `demo_data` is imported here, because it imports the stubs of all services, which `up --only nats` does not need.
    from proctorium_devstack import demo_data

    return await demo_data.load(stack, console.write_event)


def _stop_on_signals(running: asyncio.Task[None], started: list[Stack], console: Console) -> None:
    """Handle signals: after the first signal, stop all components in order; after the second signal, kill them."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        if running.cancelling():
            for stack in started:
                stack.kill_all()
        else:
            console.write_line("\nstopping all components (press Ctrl-C again to kill them)")
            running.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end)


def _report_running_stack(console: Console) -> int:
    try:
        state = RunFile.read(DataFolder.default().run_file)
    except FileNotFoundError:
        console.write_line("Another `make up` is starting or stopping here.")
        return FAILED
    console.write_line(f"Proctorium already runs here (process {state.supervisor}).")
    console.write_line(
        "Stop it with Ctrl-C where it was started, or use it with `make demo` and `make doctor`."
    )
    return FAILED
