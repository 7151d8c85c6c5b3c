"""Test that each part of a service runs only in the processes that have its role."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import grpc
import pytest
from sqlalchemy import func, select

from proctorium_common.ids import new_id
from proctorium_common.process.life import assemble, running
from proctorium_common.process.roles import ProcessRole
from proctorium_common.security.keys import KeyRing, SigningKey
from proctorium_common.storage.database import Database
from proctorium_common.storage.tables import outbox
from proctorium_common.telemetry.logs import CallLog
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.testing.waiting import until

from ..conftest import Migrated
from ..rpc.echo import pb, stubs
from ..rpc.health_stub import status
from ..sample.storage.tables import effects
from .program import on, running_process, with_key
from .sample import PACKAGE, TOPOLOGY, NoteWritten, SampleSettings, build

KEYS = KeyRing.of(SigningKey.generate().public)
ALWAYS = {"database", "migrations"}


def _settings(database_url: str, *roles: ProcessRole, **more: Any) -> SampleSettings:
    """Return the settings of a process whose broker is unreachable."""
    defaults: dict[str, Any] = {
        "nats_url": "nats://127.0.0.1:1",
        "enrollment_address": "127.0.0.1:1",
        "check_every": timedelta(milliseconds=30),
        "drain_wait": timedelta(0),
    }
    return SampleSettings(
        database_url=database_url, process_roles=frozenset(roles), **(defaults | more)
    )


def _running(settings: SampleSettings) -> Any:
    return running(settings, build, package=PACKAGE, topology=TOPOLOGY, keys=KEYS)


async def _effects(database: Database) -> list[str]:
    """Return the effects of the workers and handlers of all processes."""
    async with database.transaction() as transaction:
        return list((await transaction.execute(select(effects.c.what))).scalars())


async def _unpublished(database: Database) -> int:
    query = select(func.count()).where(outbox.c.published_at.is_(None))
    async with database.transaction() as transaction:
        return (await transaction.execute(query)).scalar_one()


async def test_each_part_runs_only_in_the_process_with_its_role(
    migrated_database: Migrated, own_nats: Nats, free_port: Callable[[], int]
) -> None:
    await own_nats.declare()
    url = await with_key(migrated_database(PACKAGE))
    database, note = Database(url), str(new_id())
    async with database.transaction() as transaction:
        transaction.record(NoteWritten(note_id=note))
    logs: dict[str, list[Any]] = {}
    async with AsyncExitStack() as processes:

        async def start(role: ProcessRole) -> None:
            probe_address = f"127.0.0.1:{free_port()}"
            settings = on(own_nats, url) | {"probe_address": probe_address}
            logs[role] = await processes.enter_async_context(
                running_process(**settings, process_roles=role)
            )
            async with grpc.aio.insecure_channel(probe_address) as probe:
                assert await status(probe, "") == "SERVING"

        async def until_effects(*expected: str) -> None:
            async def found() -> bool:
                return len(await _effects(database)) >= len(expected)

            await until(found)
            assert await _effects(database) == list(expected)

        await start(ProcessRole.SERVE)
        await until_effects("worker of serve")
        assert await _unpublished(database) == 1

        await start(ProcessRole.RELAY)

        async def published() -> bool:
            return await _unpublished(database) == 0

        await until(published)
        await until_effects("worker of serve")

        await start(ProcessRole.SUBSCRIBE)
        await until_effects("worker of serve", note)

        await start(ProcessRole.WORK)
        await until_effects("worker of serve", note, "worker of work")
    await database.close()
    active = [role for role in logs if any(line["event"] == "relay_active" for line in logs[role])]
    assert active == ["relay"]
    assert all(lines[-1]["event"] == "service_stopped" for lines in logs.values())


@pytest.mark.parametrize(
    ("roles", "checks"),
    [
        (
            [ProcessRole.SERVE],
            {"signing keys", "revocations", "worker of serve"},
        ),
        ([ProcessRole.RELAY], {"nats", "relay", "worker event-backlog"}),
        (
            [ProcessRole.SUBSCRIBE],
            {
                "nats",
                "subscriber sample--people",
                "subscriber sample--notes",
                "worker event-backlog",
            },
        ),
        ([ProcessRole.WORK], {"worker purge", "worker of work"}),
        (
            [ProcessRole.RELAY, ProcessRole.WORK],
            {"nats", "relay", "worker event-backlog", "worker purge", "worker of work"},
        ),
    ],
    ids=["serve", "relay", "subscribe", "work", "relay-and-work"],
)
async def test_health_checks_are_those_of_the_roles(
    roles: list[ProcessRole], checks: set[str], migrated_database: Migrated
) -> None:
    async with _running(_settings(migrated_database(PACKAGE), *roles)) as service:
        assert {check.name for check, _ in await service.health.run_checks()} == ALWAYS | checks


async def test_process_that_only_serves_does_not_need_the_broker(
    migrated_database: Migrated,
) -> None:
    settings = _settings(migrated_database(PACKAGE), ProcessRole.SERVE, nats_required=True)
    async with _running(settings) as service:
        state = await service.health.check_now()
        assert (state.ready, state.degraded) == (True, False)


async def test_process_without_the_role_serve_serves_only_health_checks(
    migrated_database: Migrated,
) -> None:
    settings = _settings(migrated_database(PACKAGE), ProcessRole.WORK)
    async with (
        _running(settings) as service,
        grpc.aio.insecure_channel(service.address) as channel,
    ):
        assert await status(channel, "") == "SERVING"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stubs.EchoServiceStub(channel).Echo(pb.EchoRequest())
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_process_without_the_role_serve_needs_no_signing_keys(
    migrated_database: Migrated,
) -> None:
    settings = _settings(migrated_database(PACKAGE), ProcessRole.RELAY)
    async with running(settings, build, package=PACKAGE, topology=TOPOLOGY) as service:
        assert not service.keys.has_keys


async def test_dead_letters_can_be_redriven_by_a_process_with_any_role() -> None:
    settings = _settings("postgresql://x@127.0.0.1:1/x", ProcessRole.SERVE)
    service = assemble(PACKAGE, settings, build, call_log=CallLog(), topology=TOPOLOGY)
    consumers = [subscriber.consumer for subscriber in service.subscribers]
    assert consumers == ["sample--people", "sample--notes"]
