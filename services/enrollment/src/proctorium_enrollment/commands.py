"""The commands that only enrollment has: `create-administrator` and `rotate-signing-key`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

from proctorium_common.process.commands import Command
from proctorium_common.process.settings import read_settings
from proctorium_common.storage.database import Database
from proctorium_enrollment.operations.bootstrap import create_administrator
from proctorium_enrollment.operations.signing import Signing
from proctorium_enrollment.settings import Settings


def _add_administrator_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--email", required=True)
    parser.add_argument("--legal-name", default="Administrator")
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        required=True,
        help="read the password from the first line of standard input, because arguments are visible to others on this machine",
    )


def _create_administrator(arguments: argparse.Namespace) -> int:
    async def create(database: Database, settings: Settings) -> None:
        password = sys.stdin.readline().rstrip("\r\n")
        hashes = settings.password_hashes()
        try:
            person = await create_administrator(
                database, hashes, arguments.email, arguments.legal_name, password
            )
        finally:
            await hashes.close()
        print(person.person_id)

    return _run(create)


def _rotate_signing_key(_: argparse.Namespace) -> int:
    async def rotate(database: Database, settings: Settings) -> None:
        print(await Signing(settings.encryption_keys().signing_keys).rotate(database))

    return _run(rotate)


def _run(work: Callable[[Database, Settings], Awaitable[None]]) -> int:
    settings = read_settings(Settings)

    async def run() -> None:
        database = Database(settings.database_url, application="proctorium-enrollment-command")
        try:
            await work(database, settings)
        finally:
            await database.close()

    asyncio.run(run())
    return 0


COMMANDS = (
    Command(
        "create-administrator",
        "create an administrator with this password, unless there is one",
        _add_administrator_arguments,
        _create_administrator,
    ),
    Command(
        "rotate-signing-key",
        "make a new signing key, which becomes active in a few minutes",
        lambda _: None,
        _rotate_signing_key,
    ),
)
