"""Test the command line `proctorium` against a running stack, as its users run it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario
from proctorium_common.ids import new_id
from proctorium_devstack.demo.people import Person
from proctorium_devstack.stack import Stack

PROGRAM = Path(sys.executable).parent / "proctorium"


@dataclass(frozen=True)
class Result:
    """The result of one command."""

    code: int
    output: str
    errors: str


@dataclass
class Terminal:
    """Runs commands with a folder of its own for the sign-in."""

    state: Path
    edge: str

    async def run(self, *arguments: str, **environment: str) -> Result:
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            *arguments,
            env={**os.environ, "XDG_STATE_HOME": str(self.state), **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode is not None
        result = Result(process.returncode, output.decode(), errors.decode())
        assert "Traceback" not in result.errors
        return result

    async def json(self, *arguments: str) -> Any:
        result = await self.run(*arguments, "--output", "json")
        assert (result.code, result.errors) == (0, "")
        return json.loads(result.output)

    async def sign_in(self, person: Person, password: str = "") -> Result:
        return await self.run(
            "sign-in",
            "--plaintext",
            "--edge",
            self.edge.replace("127.0.0.1", "localhost"),
            PROCTORIUM_EMAIL=person.email,
            PROCTORIUM_PASSWORD=password or person.password,
        )


@pytest.fixture
async def terminal(scenario: Scenario, tmp_path: Path) -> Terminal:
    """Return a terminal in which the administrator is signed in."""
    opened = Terminal(tmp_path, scenario.edge)
    result = await opened.sign_in(scenario.administrator)
    assert (result.code, result.errors) == (0, "")
    assert result.output == f"Signed in as {scenario.administrator.name}.\n"
    return opened


async def test_sign_in_is_stored_until_sign_out(terminal: Terminal, scenario: Scenario) -> None:
    [file] = terminal.state.rglob("*.json")
    assert file.stat().st_mode & 0o777 == 0o600
    assert scenario.administrator.password not in file.read_text()
    me = await terminal.json("whoami")
    assert me["email"] == scenario.administrator.email
    stored = file.read_text()
    assert (await terminal.run("sign-out")).code == 0
    assert not file.exists()
    refused = await terminal.run("whoami")
    assert (refused.code, refused.errors) == (
        1,
        "You are not signed in. Run `proctorium sign-in`.\n",
    )
    expired = json.loads(stored)
    expired["tokens"]["accessExpireTime"] = "2026-01-01T00:00:00Z"
    file.write_text(json.dumps(expired))
    ended = await terminal.run("whoami")
    assert (ended.code, ended.errors) == (1, "The sign-in has ended. Run `proctorium sign-in`.\n")


async def test_wrong_password_is_one_sentence(scenario: Scenario, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, scenario.edge)
    result = await terminal.sign_in(scenario.proctor, password="wrong")
    assert (result.code, result.output) == (1, "")
    assert len(result.errors.splitlines()) == 1
    assert not list(tmp_path.rglob("*.json"))


async def test_sessions_are_listed_and_shown(terminal: Terminal, scenario: Scenario) -> None:
    listed = await terminal.json("sessions", "list", "--live")
    assert scenario.session_id in {each["sessionId"] for each in listed}
    shown = await terminal.json("sessions", "show", scenario.session_id)
    table = await terminal.run("sessions", "show", scenario.session_id)
    assert scenario.proctor.person_id in table.output
    assert shown["plan"]["title"] in table.output
    first = await terminal.run("sessions", "list", "--limit", "1")
    assert len(first.output.splitlines()) == 2
    assert first.errors == "Only the first 1 are shown; --limit shows more.\n"


async def test_error_of_a_service_is_one_sentence(terminal: Terminal) -> None:
    invalid = await terminal.run("sessions", "show", "none")
    assert (invalid.code, invalid.output) == (1, "")
    assert "session_id" in invalid.errors
    missing = "01920000-0000-7000-8000-000000000001"
    for command in (("sessions", "show"), ("deliveries", "resend"), ("record", "export")):
        result = await terminal.run(*command, missing)
        assert (result.code, result.output) == (1, "")
        assert len(result.errors.splitlines()) == 1


async def test_failed_delivery_is_sent_again(
    stack: Stack, terminal: Terminal, scenario: Scenario
) -> None:
    learner = scenario.learners[0].person_id
    sent: list[Any] = []
    async with asyncio.timeout(60):
        while not sent:
            found = await terminal.json("deliveries", "list", "--person", learner)
            sent = [
                each
                for each in found
                if (each["channel"], each["state"]) == ("CHANNEL_EMAIL", "DELIVERY_STATE_SENT")
            ]
    refused = await terminal.run("deliveries", "resend", sent[0]["deliveryId"])
    assert refused.code == 1
    delivery = await _add_failed_copy(stack, sent[0]["deliveryId"])
    failed = await terminal.json("deliveries", "list", "--state", "failed", "--person", learner)
    assert [each["deliveryId"] for each in failed] == [delivery]
    assert (await terminal.run("deliveries", "resend", delivery)).code == 0
    left = await terminal.json("deliveries", "list", "--state", "failed", "--person", learner)
    assert left == []


async def _add_failed_copy(stack: Stack, delivery_id: str) -> str:
    """Insert a failed delivery of the same message for another event; return the ID of the delivery."""
    copy = {"delivery_id": str(new_id()), "event_id": str(new_id()), "state": "failed"}
    database = await asyncpg.connect(stack.database_url("notification"))
    try:
        await database.execute(
            "INSERT INTO deliveries SELECT (jsonb_populate_record(original, $2)).* "
            "FROM deliveries AS original WHERE delivery_id = $1",
            delivery_id,
            json.dumps({**copy, "sent_at": None}),
        )
    finally:
        await database.close()
    return copy["delivery_id"]


async def test_evidence_accesses_are_listed(terminal: Terminal, scenario: Scenario) -> None:
    learner, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await learner.join()
    await proctor.verify(await learner.send_evidence())
    await learner.close()
    accesses = await terminal.json("evidence-accesses", "list", scenario.session_id)
    assert {each["personId"] for each in accesses} == {scenario.proctor.person_id}
    assert len(accesses) == 3
    table = await terminal.run("evidence-accesses", "list", scenario.session_id)
    assert {"document", "selfie", "registration"} <= set(table.output.split())


async def test_exported_record_is_verified(
    terminal: Terminal, scenario: Scenario, tmp_path: Path
) -> None:
    proctor = ProctorClient(scenario)
    await proctor.start()
    await proctor.end()
    file = tmp_path / "record.json"
    exported = await terminal.run("record", "export", scenario.session_id, "--file", str(file))
    assert (exported.code, exported.errors) == (0, "")
    verified = await terminal.run("record", "verify", str(file))
    assert verified.code == 0
    assert "is intact" in verified.output
    assert "not signed" in verified.output
    record = json.loads(file.read_text())
    record["entries"][1]["actor"] = "somebody"
    file.write_text(json.dumps(record))
    changed = await terminal.run("record", "verify", str(file))
    assert (changed.code, changed.output) == (1, "")
    assert changed.errors == "Entry 2 was changed after it was recorded.\n"


async def test_shell_completion_knows_the_commands(terminal: Terminal) -> None:
    script = await terminal.run(_PROCTORIUM_COMPLETE="bash_source")
    assert "_proctorium_completion" in script.output
    completed = await terminal.run(
        _PROCTORIUM_COMPLETE="bash_complete", COMP_WORDS="proctorium sess", COMP_CWORD="1"
    )
    assert completed.output.split() == ["plain,sessions"]
