"""Test the command line of a service. The tests run each command as a process."""

from __future__ import annotations

import argparse
import json

import asyncpg
import grpc
import pytest

from proctorium_common.errors import unavailable
from proctorium_common.events.permissions import DECLARER
from proctorium_common.ids import new_id
from proctorium_common.process.commands import Command, main
from proctorium_common.storage.migrations import at_head
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.components.postgres import Postgres

from ..conftest import Migrated
from ..rpc.echo import pb, stubs
from .program import on, run, running_process, with_key, without_broker
from .sample import PACKAGE, TOPOLOGY, SampleSettings, build


async def test_missing_settings_are_reported_with_exit_code_2() -> None:
    code, out, err = await run("serve")
    assert code == 2
    assert out == ""
    second, first = err.splitlines()
    assert first.startswith("PROCTORIUM_DATABASE_URL is missing: ")
    assert second.startswith("PROCTORIUM_NATS_URL is missing: ")


async def test_plaintext_on_a_network_address_is_refused_with_exit_code_2() -> None:
    settings = without_broker("postgresql://x@127.0.0.1:1/x")
    code, _, err = await run("serve", **settings, listen="0.0.0.0:0")
    assert code == 2
    assert "so it needs certificates" in err
    assert len(err.splitlines()) == 1


async def test_service_draining_on_sigterm(migrated_database: Migrated, own_nats: Nats) -> None:
    url = await with_key(migrated_database(PACKAGE))
    async with running_process(**on(own_nats, url)) as lines:
        (port,) = (line["port"] for line in lines if line["event"] == "server_listening")
        async with grpc.aio.secure_channel(
            f"127.0.0.1:{port}",
            own_nats.certificates_of("edge").client(),
            options=[("grpc.ssl_target_name_override", TOPOLOGY.name)],
        ) as opened:
            watch = stubs.EchoServiceStub(opened).Watch(pb.EchoRequest(text="seen"))
            assert [response.text async for response in watch] == ["first", "seen"]
    events = [line["event"] for line in lines]
    assert {"rpc_served", "service_draining"} <= set(events)
    assert events[-1] == "service_stopped"


async def test_migrate_updates_the_database_to_the_newest_revision(
    empty_database: str, own_nats: Nats
) -> None:
    settings = on(own_nats, empty_database)
    assert not await at_head(empty_database, PACKAGE)
    code, out, err = await run("migrate", **settings)
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
    settings = on(own_nats, serving)
    code, _, err = await run("migrate", **settings)
    assert code == 1, "the service's role owns nothing"
    assert len(err.splitlines()) == 1
    assert "permission denied" in err
    assert "PROCTORIUM_MIGRATION_DATABASE_URL" in err
    code, _, err = await run("migrate", **settings, migration_database_url=owner)
    assert (code, err) == (0, "")
    connection = await asyncpg.connect(serving)
    assert await connection.fetchval("SELECT count(*) FROM outbox") == 0
    await connection.close()
    await postgres.drop_database("to_migrate")


async def test_command_without_its_database_fails_with_one_sentence(own_nats: Nats) -> None:
    settings = on(own_nats, "postgresql://x@127.0.0.1:1/x")
    code, _, err = await run("dead-letters", "list", **settings)
    assert code == 1
    assert len(err.splitlines()) == 1


async def test_check_reports_each_dependency(migrated_database: Migrated, own_nats: Nats) -> None:
    url = await with_key(migrated_database(PACKAGE))
    code, out, _ = await run("check", **on(own_nats, url))
    report = dict(line.split(maxsplit=1) for line in out.splitlines() if not line.startswith("{"))
    assert report["database"] == "ok"
    assert report["migrations"] == "ok"
    assert report["nats"] == "ok"
    assert code == 0
    code, out, _ = await run("check", **without_broker(url))
    assert "nats             not connected: events stay in the outbox" in out
    assert code == 0  # the service is degraded but ready


async def test_dead_letters_are_listed_and_a_missing_one_is_reported(
    migrated_database: Migrated,
) -> None:
    settings = without_broker(migrated_database(PACKAGE))
    code, out, _ = await run("dead-letters", "list", **settings)
    assert (code, out.splitlines()[-1]) == (0, "0 unresolved.")
    code, _, err = await run("dead-letters", "redrive", str(new_id()), **settings)
    assert (code, err) == (1, "There is no such dead letter.\n")


async def test_replay_reports_the_number_of_events(
    migrated_database: Migrated, own_nats: Nats
) -> None:
    settings = on(own_nats, migrated_database(PACKAGE))
    code, out, _ = await run("replay", "--since", "2026-01-01", **settings)
    assert code == 0
    assert "0 events since 2026-01-01T00:00:00+00:00 were published again." in out


async def test_replay_refuses_a_time_that_is_not_iso_8601() -> None:
    code, _, err = await run("replay", "--since", "yesterday")
    assert code == 2
    assert "'yesterday' is not an ISO 8601 time, such as 2026-11-23T00:00:00Z" in err


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
    return await run(program="proctorium_common.process.declare", **settings)


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
