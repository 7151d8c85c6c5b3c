"""Enrollment's own commands, beside those of every service.

python -m proctorium_enrollment create-administrator --email ADDRESS --legal-name NAME --password-stdin
python -m proctorium_enrollment rotate-signing-key
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from proctorium_common.errors import ServiceError
from proctorium_common.process.settings import SettingsError, read_settings
from proctorium_common.storage.database import Database
from proctorium_enrollment.operations.bootstrap import create_administrator
from proctorium_enrollment.operations.signing import Signing
from proctorium_enrollment.settings import Settings
from proctorium_enrollment.storage.password_hashes import PasswordHashes

_ADMINISTRATOR, _ROTATE = "create-administrator", "rotate-signing-key"


def is_one(arguments: Sequence[str]) -> bool:
    """Whether the command line asks for a command of this module."""
    return bool(arguments) and arguments[0] in {_ADMINISTRATOR, _ROTATE}


def run(arguments: Sequence[str]) -> int:
    """Runs the command; 0 done, 1 it did not work, 2 a setting is wrong."""
    given = _parser().parse_args(arguments)
    try:
        settings = read_settings(Settings)
        return asyncio.run(_run(given, settings))
    except SettingsError as wrong:
        return _said(str(wrong), 2)
    except (ServiceError, OSError) as failure:
        return _said(getattr(failure, "message", str(failure)), 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m proctorium_enrollment")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser(
        _ADMINISTRATOR, help="make sure that this administrator is there, with this password"
    )
    create.add_argument("--email", required=True)
    create.add_argument("--legal-name", default="Administrator")
    create.add_argument(
        "--password-stdin",
        action="store_true",
        required=True,
        help="read the password from the first line of standard input: others on this machine can see arguments",
    )
    commands.add_parser(_ROTATE, help="sign tokens with a new key, in a few minutes' time")
    return parser


async def _run(given: argparse.Namespace, settings: Settings) -> int:
    database = Database(settings.database_url, application="proctorium-enrollment-command")
    try:
        if given.command == _ROTATE:
            return await _rotate(database, settings)
        return await _create(database, given)
    finally:
        await database.close()


async def _create(database: Database, given: argparse.Namespace) -> int:
    password = sys.stdin.readline().rstrip("\r\n")
    hashes = PasswordHashes()
    try:
        person = await create_administrator(
            database, hashes, given.email, given.legal_name, password
        )
    finally:
        await hashes.close()
    print(person.person_id)
    return 0


async def _rotate(database: Database, settings: Settings) -> int:
    print(await Signing(settings.encryption_keys().signing_keys).rotate(database))
    return 0


def _said(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code
