"""The command line of every service: `python -m proctorium_<service> [serve|migrate|check|dead-letters|replay]`.

Exit codes: 0 done, 1 failed, 2 a setting or the wiring is wrong; each failure is printed as a sentence.
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
from proctorium_common.process.service import Service, WiringError, place_of
from proctorium_common.process.settings import ServiceSettings, SettingsError, read_settings
from proctorium_common.rpc.access import MissingAccessRuleError
from proctorium_common.rpc.health import Weight
from proctorium_common.rpc.server import AddressInUseError
from proctorium_common.security.tls import NotLoopbackError
from proctorium_common.storage import migrations
from proctorium_common.telemetry.logs import configure_logs
from proctorium_common.telemetry.traces import Tracing, use_tracing
from proctorium_common.topology import ServiceTopology

S = TypeVar("S", bound=ServiceSettings)
Build = Callable[[Service[S]], None]

_WRONG = (SettingsError, WiringError, MissingAccessRuleError, NotLoopbackError)
_BROKER_SECONDS = 5
_COLLECT_AFTER = (20_000, 20, 50)
"""Thresholds of the three generations of the garbage collector; Python's defaults are 700, 10 and 10."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of one service, beside those of every service.

    `run` returns the exit code. It reads the settings itself where it needs them; the errors that it raises become
    sentences and exit codes as those of the other commands.
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
    place: ServiceTopology | None = None,
) -> NoReturn:
    """Run the command of the command line, by default `serve`, and exit. `place` is for tests, as in `Service`."""
    arguments = _parser(package, commands).parse_args()
    try:
        for command in commands:
            if arguments.command == command.name:
                sys.exit(command.run(arguments))
        given = read_settings(settings)
        call_log = configure_logs(level=given.log_level_number, format=given.log_format)
        # Lines that are logged before the service exists have its name too.
        use_tracing(Tracing((place or place_of(package)).name))

        def assembled() -> Service[S]:
            return assemble(package, given, build, call_log=call_log, place=place)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            sys.exit(runner.run(_run(arguments, package, given, assembled)))
    except _WRONG as wrong:
        sys.exit(_said(str(wrong), 2))
    except (ServiceError, AddressInUseError, OSError) as failure:
        sys.exit(_said(getattr(failure, "message", str(failure)), 1))


def _said(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code


def _parser(package: str, commands: Sequence[Command]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {package}", description="One service of Proctorium."
    )
    parsers = parser.add_subparsers(dest="command")
    parsers.add_parser("serve", help="answer calls and events until SIGTERM (the default)")
    parsers.add_parser("migrate", help="bring the database to the newest revision")
    parsers.add_parser("check", help="say what the service depends on and how each part is")
    again = parsers.add_parser("replay", help="publish kept events again")
    again.add_argument("--since", required=True, type=_time, help="ISO 8601; UTC unless it says")
    letters = parsers.add_parser("dead-letters", help="events that could not be handled")
    actions = letters.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="the open ones")
    actions.add_parser("show", help="one of them").add_argument("id", type=UUID)
    actions.add_parser("redrive", help="handle it now").add_argument("id", help="an id, or all")
    for command in commands:
        command.add_arguments(
            parsers.add_parser(command.name, help=command.help, description=command.help)
        )
    return parser


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


async def _run(
    arguments: argparse.Namespace,
    package: str,
    settings: S,
    assembled: Callable[[], Service[S]],
) -> int:
    if arguments.command == "migrate":
        return await _migrate(package, settings)
    # Only now: gRPC binds what it makes to the loop that runs.
    service = assembled()
    match arguments.command:
        case "check":
            return await _with(service, _check)
        case "replay":
            return await _with(service, lambda service: _replay(service, arguments.since))
        case "dead-letters":
            return await _with(service, lambda service: _letters(service, arguments))
        case _:
            return await _serve(service)


async def _serve(service: Service[S]) -> int:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    life = Life(service)
    await life.start()
    _collect_seldom()
    await ending.wait()
    await life.end()
    return 0


def _collect_seldom() -> None:
    """Has the garbage collector leave alone what stays to the end, and look for circles in the rest more seldom.

    What is wired is a hundred thousand objects, which every full collection would go through while calls wait. Calls
    leave few circles: what they leave is freed by counting references.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


async def _migrate(package: str, settings: ServiceSettings) -> int:
    try:
        await migrations.upgrade(
            settings.migration_database_url or settings.database_url,
            package,
            service_role=make_url(settings.database_url).username,
        )
    except migrations.NotOwnerError as refused:
        return _said(f"{refused}. PROCTORIUM_MIGRATION_DATABASE_URL names the owner.", 1)
    print("The database is at the newest revision.")
    return 0


async def _check(service: Service[S]) -> int:
    """Ask each part once; what only a serving process has (relay, subscribers, workers) is not asked."""
    with suppress(ServiceError):
        await _broker_of(service)
    with suppress(ServiceError):
        await service.keys.load()
        await service.revocations.refresh()
    await service.keys.refresh()
    ready = True
    for check, wrong in await service.health.ask():
        if not check.name.startswith(("subscriber ", "worker ", "relay")):
            print(f"{check.name:<16} {wrong or 'ok'}")
            ready = ready and (wrong is None or check.weight is Weight.DEGRADING)
    return 0 if ready else 1


async def _replay(service: Service[S], since: datetime) -> int:
    await _broker_of(service)
    sent = await replay(
        service.database,
        service.broker,
        since,
        progress=lambda count: print(f"{count} events", file=sys.stderr),
    )
    print(f"{sent} events since {since.isoformat()} were published again.")
    return 0


async def _broker_of(service: Service[S]) -> None:
    """Connect to NATS. Raises DEPENDENCY_UNAVAILABLE after a short time; only a serving process waits for NATS."""
    try:
        async with asyncio.timeout(_BROKER_SECONDS):
            await service.broker.connected()
    except TimeoutError:
        raise unavailable("DEPENDENCY_UNAVAILABLE", "NATS does not answer.") from None


async def _letters(service: Service[S], arguments: argparse.Namespace) -> int:
    letters = DeadLetters(
        service.database,
        {subscriber.consumer: subscriber.handlers for subscriber in service.subscribers},
    )
    match arguments.action:
        case "list":
            _table(await letters.list())
        case "show":
            _print(await letters.show(arguments.id))
        case "redrive" if arguments.id == "all":
            closed, failed = await letters.redrive_all()
            print(f"{closed} were handled, {failed} failed again.")
            return 1 if failed else 0
        case _:
            effect = await letters.redrive(UUID(arguments.id))
            print("It was handled." if effect else "It had been handled before; it is closed now.")
    return 0


def _table(letters: Sequence[DeadLetter]) -> None:
    for letter in letters:
        print(
            f"{letter.id}  {letter.failed_at:%Y-%m-%d %H:%M:%S}  {letter.consumer}  {letter.subject}  {letter.reason}"
        )
    print(f"{len(letters)} open.")


def _print(letter: DeadLetter) -> None:
    print(f"id          {letter.id}")
    print(f"consumer    {letter.consumer}")
    print(f"subject     {letter.subject}")
    print(f"deliveries  {letter.deliveries}, the last at {letter.failed_at.isoformat()}")
    print(f"resolved    {letter.resolved_at.isoformat() if letter.resolved_at else 'no'}")
    print(f"headers     {json.dumps(dict(letter.headers))}")
    print(f"body        {letter.body.hex()}")
    print(f"reason      {letter.reason}")
    print(letter.error)


async def _with(service: Service[S], work: Callable[[Service[S]], Awaitable[int]]) -> int:
    """Do `work` with a service that does not serve, and close what it opened."""
    try:
        return await work(service)
    finally:
        await Life(service).close()
