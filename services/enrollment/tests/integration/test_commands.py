"""Tests of the arguments, exit codes and outputs of the commands that operators run."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
from sqlalchemy import func, select

from proctorium_common.process.commands import main
from proctorium_common.storage.database import Database
from proctorium_common.storage.tables import outbox, signing_keys
from proctorium_enrollment.__main__ import build
from proctorium_enrollment.commands import COMMANDS
from proctorium_enrollment.settings import Settings
from proctorium_enrollment.storage.password_hashes import PasswordHashes
from proctorium_enrollment.storage.tables import credentials, people

from .harness import PASSWORD

CREATE = (
    "create-administrator",
    "--email",
    "Amara@Example.org",
    "--legal-name",
    "Amara Okafor",
    "--password-stdin",
)


@dataclass(frozen=True)
class Result:
    code: int
    output: str
    error: str


@dataclass(frozen=True)
class Commands:
    """The commands of enrollment, which run on one database."""

    url: str
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    async def run(self, *words: str, typed: str = "") -> Result:
        """Run a command in this process, because the start of a new process takes seconds."""
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        self.monkeypatch.setattr(sys, "argv", ["proctorium_enrollment", *words])
        self.capsys.readouterr()
        code = await asyncio.to_thread(_exit_code)
        printed = self.capsys.readouterr()
        return Result(code, printed.out.strip(), printed.err.strip())

    async def run_process(self, *words: str, typed: str = "") -> Result:
        """Run a command in a new process."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "proctorium_enrollment",
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, error = await process.communicate(typed.encode())
        assert process.returncode is not None
        return Result(process.returncode, output.decode().strip(), error.decode().strip())


def _exit_code() -> int:
    with pytest.raises(SystemExit) as ended:
        main("proctorium_enrollment", Settings, build, commands=COMMANDS)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def commands(
    migrated_database: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Commands:
    url = migrated_database("proctorium_enrollment")
    monkeypatch.setenv("PROCTORIUM_DATABASE_URL", url)
    monkeypatch.setenv("PROCTORIUM_NATS_URL", "nats://127.0.0.1:4222")
    monkeypatch.setenv("PROCTORIUM_MASTER_KEY", b64encode(os.urandom(32)).decode())
    return Commands(url, monkeypatch, capsys)


async def test_first_administrator_is_created_once(commands: Commands) -> None:
    first = await commands.run_process(*CREATE, typed=f"{PASSWORD}\n")
    assert (first.code, first.error) == (0, "")
    repeated = await commands.run(*CREATE, typed=f"{PASSWORD}\n")
    assert (repeated.code, repeated.output) == (0, first.output)

    database, hashes = Database(commands.url), PasswordHashes(memory_kib=64)
    async with database.transaction() as tx:
        (person,) = await tx.execute(select(people))
        (credential,) = await tx.execute(select(credentials.c.password_hash))
        events = (await tx.execute(select(func.count()).select_from(outbox))).scalar_one()
    assert person.person_id == UUID(first.output)
    assert (person.email, person.roles) == ("amara@example.org", ["administrator"])
    assert await hashes.verify(PASSWORD, credential.password_hash)
    assert events == 1
    await hashes.close()
    await database.close()


async def test_weak_password_is_refused(commands: Commands) -> None:
    ended = await commands.run(*CREATE, typed="short\n")
    assert ended.code == 1
    assert "12 characters" in ended.error
    database = Database(commands.url)
    async with database.transaction() as tx:
        assert (await tx.execute(select(people))).first() is None
    await database.close()


async def test_missing_or_invalid_setting_is_named_in_a_sentence(commands: Commands) -> None:
    commands.monkeypatch.setenv("PROCTORIUM_MASTER_KEY", "")
    missing = await commands.run(*CREATE)
    assert missing.code == 2
    assert "PROCTORIUM_MASTER_KEY is missing" in missing.error
    for value, reason in (("c2hvcnQ=", "32 bytes, not 5"), ("not base64!", "32 bytes in base64")):
        commands.monkeypatch.setenv("PROCTORIUM_MASTER_KEY", value)
        ended = await commands.run("rotate-signing-key")
        assert ended.code == 2
        assert reason in ended.error
        assert value not in ended.error


async def test_new_signing_key_is_made_and_printed(commands: Commands) -> None:
    first = await commands.run("rotate-signing-key")
    second = await commands.run("rotate-signing-key")
    assert (first.code, second.code) == (0, 0)
    database = Database(commands.url)
    async with database.transaction() as tx:
        rows = (
            await tx.execute(
                select(signing_keys.c.key_id, signing_keys.c.retires_at).order_by(
                    signing_keys.c.created_at
                )
            )
        ).all()
    assert [row.key_id for row in rows] == [first.output, second.output]
    assert rows[0].retires_at is not None
    assert rows[1].retires_at is None
    await database.close()
