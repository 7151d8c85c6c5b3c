"""Test the command line of a service. The tests run each command as a process."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import grpc
import pytest

from proctorium_common.errors import unavailable
from proctorium_common.events.permissions import DECLARER
from proctorium_common.ids import new_id
from proctorium_common.process.commands import Command, main
from proctorium_common.security.keys import SigningKey
from proctorium_common.storage.database import Database
from proctorium_common.storage.keys import DatabaseKeyStore
from proctorium_common.storage.migrations import at_head
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.components.postgres import Postgres

from ..conftest import Migrated
from ..rpc.echo import pb, stubs
from .sample import PACKAGE, TOPOLOGY, SampleSettings, build

_ROOT = Path(__file__).parents[4]
_PROGRAM = "libs.common.tests.process.sample"


def _environment(**settings: str) -> Mapping[str, str]:
    clean = {name: value for name, value in os.environ.items() if "PROCTORIUM_" not in name}
    ours = {f"PROCTORIUM_{name.upper()}": value for name, value in settings.items()}
    return clean | {"PYTHONPATH": str(_ROOT)} | ours


async def _start(
    *command: str, program: str = _PROGRAM, **settings: str
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        program,
        *command,
        cwd=_ROOT,
        env=_environment(**settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _run(*command: str, **settings: str) -> tuple[int, str, str]:
    process = await _start(*command, **settings)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def _on(nats: Nats, database_url: str) -> dict[str, str]:
    """Return settings of the sample service in which the broker is `nats`."""
    broker = {name: str(value) for name, value in nats.settings_of(TOPOLOGY.name).items()}
    return _settings(database_url) | broker


def _settings(database_url: str) -> dict[str, str]:
    """Return settings of the sample service in which the broker is unreachable."""
    return {
        "database_url": database_url,
        "nats_url": "nats://127.0.0.1:1",
        "enrollment_address": "127.0.0.1:1",
        "log_format": "json",
        "check_every": "0.05",
        "drain_wait": "0",
    }


async def test_missing_settings_are_reported_with_exit_code_2() -> None:
    code, out, err = await _run("serve")
    assert code == 2
    assert out == ""
    second, first = err.splitlines()
    assert first.startswith("PROCTORIUM_DATABASE_URL is missing: ")
    assert second.startswith("PROCTORIUM_NATS_URL is missing: ")


async def test_plaintext_on_a_network_address_is_refused_with_exit_code_2() -> None:
    settings = _settings("postgresql://x@127.0.0.1:1/x")
    code, _, err = await _run("serve", **settings, listen="0.0.0.0:0")
    assert code == 2
    assert "so it needs certificates" in err
    assert len(err.splitlines()) == 1


async def test_service_draining_on_sigterm(migrated_database: Migrated, own_nats: Nats) -> None:
    url = await _with_key(migrated_database(PACKAGE))
    process = await _start(**_on(own_nats, url))
    assert process.stdout is not None
    port = 0
    async with asyncio.timeout(30):
        while line := await process.stdout.readline():
            entry = json.loads(line)
            if entry["event"] == "server_listening":
                port = entry["port"]
            if entry["event"] == "service_ready":
                break
    async with grpc.aio.secure_channel(
        f"127.0.0.1:{port}",
        own_nats.certificates_of("edge").client(),
        options=[("grpc.ssl_target_name_override", TOPOLOGY.name)],
    ) as opened:
        watch = stubs.EchoServiceStub(opened).Watch(pb.EchoRequest(text="seen"))
        assert [response.text async for response in watch] == ["first", "seen"]
    process.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err.decode()
    events = [json.loads(line)["event"] for line in out.decode().splitlines()]
    assert {"rpc_served", "service_draining"} <= set(events)
    assert events[-1] == "service_stopped"
    assert err == b""


async def test_migrate_updates_the_database_to_the_newest_revision(
    empty_database: str, own_nats: Nats
) -> None:
    settings = _on(own_nats, empty_database)
    assert not await at_head(empty_database, PACKAGE)
    code, out, err = await _run("migrate", **settings)
    assert (code, err) == (0, "")
    assert "newest revision" in out
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert [(line["event"], line["service"]) for line in lines] == [("database_migrated", "sample")]
    assert await at_head(empty_database, PACKAGE)


async def test_migrate_requires_the_owners_role(postgres: Postgres, own_nats: Nats) -> None:
    serving = await postgres.ensure_migrated("to_migrate", PACKAGE)
    owner = postgres.url("to_migrate", "to_migrate_owner")
    connection = await asyncpg.connect(owner)
    await connection.execute(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO public"
    )
    await connection.close()
    settings = _on(own_nats, serving)
    code, _, err = await _run("migrate", **settings)
    assert code == 1, "the service's role owns nothing"
    assert len(err.splitlines()) == 1
    assert "permission denied" in err
    assert "PROCTORIUM_MIGRATION_DATABASE_URL" in err
    code, _, err = await _run("migrate", **settings, migration_database_url=owner)
    assert (code, err) == (0, "")
    connection = await asyncpg.connect(serving)
    assert await connection.fetchval("SELECT count(*) FROM outbox") == 0
    await connection.close()
    await postgres.drop_database("to_migrate")


async def test_command_without_its_database_fails_with_one_sentence(own_nats: Nats) -> None:
    settings = _on(own_nats, "postgresql://x@127.0.0.1:1/x")
    code, _, err = await _run("dead-letters", "list", **settings)
    assert code == 1
    assert len(err.splitlines()) == 1


async def test_check_reports_each_dependency(migrated_database: Migrated, own_nats: Nats) -> None:
    url = await _with_key(migrated_database(PACKAGE))
    code, out, _ = await _run("check", **_on(own_nats, url))
    report = dict(line.split(maxsplit=1) for line in out.splitlines() if not line.startswith("{"))
    assert report["database"] == "ok"
    assert report["migrations"] == "ok"
    assert report["nats"] == "ok"
    assert code == 0
    code, out, _ = await _run("check", **_settings(url))
    assert "nats             not connected: events stay in the outbox" in out
    assert code == 0  # the service is degraded but ready


async def test_dead_letters_are_listed_and_a_missing_one_is_reported(
    migrated_database: Migrated,
) -> None:
    settings = _settings(migrated_database(PACKAGE))
    code, out, _ = await _run("dead-letters", "list", **settings)
    assert (code, out.splitlines()[-1]) == (0, "0 unresolved.")
    code, _, err = await _run("dead-letters", "redrive", str(new_id()), **settings)
    assert (code, err) == (1, "There is no such dead letter.\n")


async def test_replay_reports_the_number_of_events(
    migrated_database: Migrated, own_nats: Nats
) -> None:
    settings = _on(own_nats, migrated_database(PACKAGE))
    code, out, _ = await _run("replay", "--since", "2026-01-01", **settings)
    assert code == 0
    assert "0 events since 2026-01-01T00:00:00+00:00 were published again." in out


async def test_declare_requires_the_declarers_identity(own_nats: Nats) -> None:
    settings = {name: str(value) for name, value in own_nats.settings_of(DECLARER).items()}
    code, out, err = await _declare(**settings)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "The streams and consumers of all services are declared."
    as_service = {name: str(value) for name, value in own_nats.settings_of("session").items()}
    code, _, err = await _declare(**as_service)
    assert code == 1
    assert len(err.splitlines()) == 1
    assert "permissions violation" in err.lower()


async def test_declare_stores_streams_on_the_given_number_of_servers(own_nats: Nats) -> None:
    settings = {name: str(value) for name, value in own_nats.settings_of(DECLARER).items()}
    code, _, err = await _declare(**settings, stream_replicas="6")
    assert code == 2
    assert err.startswith("PROCTORIUM_STREAM_REPLICAS is invalid")
    code, _, err = await _declare(**settings, stream_replicas="3")
    assert code == 1, "a single server cannot store three replicas"
    assert (
        err
        == "NATS refuses the streams or consumers: replicas > 1 not supported in non-clustered mode.\n"
    )


async def _declare(**settings: str) -> tuple[int, str, str]:
    return await _run(program="proctorium_common.process.declare", **settings)


async def _with_key(database_url: str) -> str:
    """Store a public signing key in the database; return `database_url`."""
    database = Database(database_url)
    await DatabaseKeyStore(database).save([SigningKey.generate().public])
    await database.close()
    return database_url


def _greet(arguments: argparse.Namespace) -> int:
    if arguments.name == "nobody":
        raise unavailable("DEPENDENCY_UNAVAILABLE", "Nobody is here to be greeted.")
    print(f"Hello {arguments.name}")
    return 3


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [("Ada", 3, "Hello Ada\n"), ("nobody", 1, "Nobody is here to be greeted.\n")],
)
def test_services_own_command_runs_without_settings(
    name: str,
    code: int,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    greet = Command("greet", "print a greeting", _name, _greet)
    monkeypatch.setattr("sys.argv", ["sample", "greet", name])
    with pytest.raises(SystemExit) as ended:
        main(PACKAGE, SampleSettings, build, commands=[greet], topology=TOPOLOGY)
    assert ended.value.code == code
    assert "".join(capsys.readouterr()) == text


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name")
