"""The command line of every service: `python -m proctorium_<service> [serve|migrate|check|dead-letters|replay]`.

The exit code is 0 for success, 1 for a failure, and 2 for an error in a setting or the wiring. Errors are printed to
standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn, TypeVar
from uuid import UUID

import uvloop
from sqlalchemy import make_url

from proctorium_common.errors import ServiceError, unavailable
from proctorium_common.events.dead_letters import DeadLetter, DeadLetters
from proctorium_common.events.replay import replay
from proctorium_common.process.life import Life, assemble
from proctorium_common.process.service import Service, WiringError, topology_of
from proctorium_common.process.settings import ServiceSettings, SettingsError, read_settings
from proctorium_common.rpc.access import MissingAccessRuleError
from proctorium_common.rpc.health import Weight
from proctorium_common.rpc.server import AddressInUseError
from proctorium_common.security.tls import NotLoopbackError
from proctorium_common.storage import migrations
from proctorium_common.storage.pooler import PoolerError
from proctorium_common.storage.transient import CONNECTION_ERRORS
from proctorium_common.telemetry.logs import configure_logs
from proctorium_common.telemetry.traces import Tracing, use_tracing
from proctorium_common.topology import ServiceTopology

S = TypeVar("S", bound=ServiceSettings)
Build = Callable[[Service[S]], None]

_CONFIGURATION_ERRORS = (
    SettingsError,
    WiringError,
    MissingAccessRuleError,
    NotLoopbackError,
    PoolerError,
)
_BROKER_TIMEOUT = 5
_GC_THRESHOLDS = (20_000, 20, 50)
"""The thresholds of the three generations of the garbage collector; Python's defaults are 700, 10 and 10."""


@dataclass(frozen=True, slots=True)
class Command:
    """An additional command of one service.

    `run` receives the parsed arguments and returns the exit code. A command that needs the settings has to read them in
    `run`. Errors that `run` raises are handled like the errors of the common commands.
    """

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(
    package: str,
    settings: type[S],
    build: Build[S],
    *,
    commands: Sequence[Command] = (),
    topology: ServiceTopology | None = None,
) -> NoReturn:
    """Run the command that is given on the command line, by default `serve`, and exit. `topology` is for tests."""
    arguments = _parser(package, commands).parse_args()
    try:
        for command in commands:
            if arguments.command == command.name:
                sys.exit(command.run(arguments))
        given = read_settings(settings)
        call_log = configure_logs(level=given.log_level_number, format=given.log_format)
        # Set the tracing now, because log lines before the creation of the service also need the name of the service.
        use_tracing(Tracing((topology or topology_of(package)).name))

        def create() -> Service[S]:
            return assemble(package, given, build, call_log=call_log, topology=topology)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            sys.exit(runner.run(_run(arguments, package, given, create)))
    except _CONFIGURATION_ERRORS as error:
        sys.exit(_fail(str(error), 2))
    except (ServiceError, AddressInUseError, OSError) as error:
        sys.exit(_fail(getattr(error, "message", str(error)), 1))


def _fail(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


def _parser(package: str, commands: Sequence[Command]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {package}", description="One service of Proctorium."
    )
    parsers = parser.add_subparsers(dest="command")
    parsers.add_parser(
        "serve",
        help="run the roles in PROCTORIUM_PROCESS_ROLES, by default all, until SIGTERM (the default)",
    )
    parsers.add_parser("migrate", help="upgrade the database to the newest revision")
    parsers.add_parser("check", help="check each dependency of the service")
    replay_parser = parsers.add_parser("replay", help="publish stored events again")
    replay_parser.add_argument(
        "--since", required=True, type=_time, help="ISO 8601 time, by default in UTC"
    )
    letters = parsers.add_parser("dead-letters", help="events that could not be handled")
    actions = letters.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="list the unresolved ones")
    actions.add_parser("show", help="show one").add_argument("id", type=UUID)
    actions.add_parser("redrive", help="handle again").add_argument("id", help="an id, or `all`")
    for command in commands:
        command.add_arguments(
            parsers.add_parser(command.name, help=command.help, description=command.help)
        )
    return parser


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an ISO 8601 time, such as 2026-11-23T00:00:00Z"
        ) from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


async def _run(
    arguments: argparse.Namespace,
    package: str,
    settings: S,
    create: Callable[[], Service[S]],
) -> int:
    if arguments.command == "migrate":
        return await _migrate(package, settings)
    # Create the service inside the running event loop, because gRPC binds its objects to this loop.
    service = create()
    match arguments.command:
        case "check":
            return await _run_once(service, _check)
        case "replay":
            return await _run_once(service, lambda service: _replay(service, arguments.since))
        case "dead-letters":
            return await _run_once(service, lambda service: _dead_letters(service, arguments))
        case _:
            return await _serve(service)


async def _serve(service: Service[S]) -> int:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    life = Life(service)
    try:
        await _require_no_pooler(service)
    except PoolerError:
        await life.close()
        raise
    await life.start()
    _tune_garbage_collector()
    await ending.wait()
    await life.end()
    return 0


async def _require_no_pooler(service: Service[S]) -> None:
    """Raise PoolerError if the database URL leads to a connection pooler. Ignore a database that does not respond."""
    with suppress(ServiceError, *CONNECTION_ERRORS):
        await service.database.ping()


def _tune_garbage_collector() -> None:
    """Make the garbage collector skip the objects that exist after startup, and run less often.

    After startup, a service has about a hundred thousand objects. Each full collection would scan these objects while
    calls wait. Rare collections are sufficient, because calls create few reference cycles, and reference counting frees
    all other objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


async def _migrate(package: str, settings: ServiceSettings) -> int:
    try:
        await migrations.upgrade(
            settings.migration_database_url or settings.database_url,
            package,
            service_role=make_url(settings.database_url).username,
        )
    except migrations.NotOwnerError as error:
        return _fail(f"{error}. Set PROCTORIUM_MIGRATION_DATABASE_URL with the owner's role.", 1)
    print("The database is at the newest revision.")
    return 0


async def _check(service: Service[S]) -> int:
    """Run each health check once, and return 0 if all required checks succeed, else 1.

    The checks of the relay, the subscribers and the workers are not reported, because these parts of the service run
    only in the command `serve`.
    """
    with suppress(ServiceError):
        await _connect_broker(service)
    with suppress(ServiceError):
        await service.keys.load()
        await service.revocations.refresh()
    await service.keys.refresh()
    ready = True
    for check, error in await service.health.run_checks():
        if not check.name.startswith(("subscriber ", "worker ", "relay")):
            print(f"{check.name:<16} {error or 'ok'}")
            ready = ready and (error is None or check.weight is Weight.DEGRADING)
    return 0 if ready else 1


async def _replay(service: Service[S], since: datetime) -> int:
    await _connect_broker(service)
    sent = await replay(
        service.database,
        service.broker,
        since,
        progress=lambda count: print(f"{count} events", file=sys.stderr),
    )
    print(f"{sent} events since {since.isoformat()} were published again.")
    return 0


async def _connect_broker(service: Service[S]) -> None:
    """Wait for the connection to NATS. Raises DEPENDENCY_UNAVAILABLE after a timeout."""
    try:
        async with asyncio.timeout(_BROKER_TIMEOUT):
            await service.broker.connected()
    except TimeoutError:
        raise unavailable("DEPENDENCY_UNAVAILABLE", "NATS does not respond.") from None


async def _dead_letters(service: Service[S], arguments: argparse.Namespace) -> int:
    letters = DeadLetters(
        service.database,
        {subscriber.consumer: subscriber.handlers for subscriber in service.subscribers},
    )
    match arguments.action:
        case "list":
            _print_list(await letters.list())
        case "show":
            _print_letter(await letters.show(arguments.id))
        case "redrive" if arguments.id == "all":
            resolved, failed = await letters.redrive_all()
            print(f"{resolved} were handled, {failed} failed again.")
            return 1 if failed else 0
        case _:
            handled = await letters.redrive(UUID(arguments.id))
            print(
                "It was handled." if handled else "It had been handled before; it is resolved now."
            )
    return 0


def _print_list(letters: Sequence[DeadLetter]) -> None:
    for letter in letters:
        print(
            f"{letter.id}  {letter.failed_at:%Y-%m-%d %H:%M:%S}  {letter.consumer}  {letter.subject}  {letter.reason}"
        )
    print(f"{len(letters)} unresolved.")


def _print_letter(letter: DeadLetter) -> None:
    print(f"id          {letter.id}")
    print(f"consumer    {letter.consumer}")
    print(f"subject     {letter.subject}")
    print(f"deliveries  {letter.deliveries}, the last at {letter.failed_at.isoformat()}")
    print(f"resolved    {letter.resolved_at.isoformat() if letter.resolved_at else 'no'}")
    print(f"headers     {json.dumps(dict(letter.headers))}")
    print(f"body        {letter.body.hex()}")
    print(f"reason      {letter.reason}")
    print(letter.error)


async def _run_once(service: Service[S], work: Callable[[Service[S]], Awaitable[int]]) -> int:
    """Call `work` with a service that was not started, close the service, and return the result of `work`."""
    try:
        return await work(service)
    finally:
        await Life(service).close()
