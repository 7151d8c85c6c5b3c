"""Test a complete service in this process while PostgreSQL and NATS become unreachable and reachable again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import select
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

from proctorium.enrollment.events.v1.events_pb2 import PersonCertified, PersonCreated
from proctorium_common.clock import utc_now
from proctorium_common.errors import Kind
from proctorium_common.events.envelope import wrap
from proctorium_common.ids import new_id
from proctorium_common.process.life import Life, assemble, running
from proctorium_common.process.service import Service, WiringError
from proctorium_common.process.settings import SettingsError
from proctorium_common.rpc.health import LIVE
from proctorium_common.security.keys import KeyRing, SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_common.storage.database import Database
from proctorium_common.storage.keys import DatabaseKeyStore
from proctorium_common.telemetry.logs import CallLog
from proctorium_common.telemetry.traces import current_tracing
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.testing.refusals import refusal

from ..conftest import Migrated
from ..rpc.echo import pb, stubs
from ..rpc.health_stub import status
from ..rpc.serving import bearer
from ..sample.storage.tables import effects
from .gate import Gate, gate_before
from .sample import PACKAGE, TOPOLOGY, SampleSettings, build, no_keys

KEY = SigningKey.generate()
UNREACHABLE = "127.0.0.1:1"


def _settings(
    database_url: str, nats_url: str = f"nats://{UNREACHABLE}", **more: Any
) -> SampleSettings:
    defaults: dict[str, Any] = {
        "check_every": timedelta(milliseconds=30),
        "drain_wait": timedelta(0),
        "drain_grace": timedelta(seconds=5),
        "enrollment_address": UNREACHABLE,
    }
    return SampleSettings(database_url=database_url, nats_url=nats_url, **(defaults | more))


def _on(nats: Nats, database_url: str) -> SampleSettings:
    """Return settings of the sample service in which the broker is `nats`."""
    return _settings(database_url, **nats.settings_of(TOPOLOGY.name))


def _open(service: Service[SampleSettings], nats: Nats) -> grpc.aio.Channel:
    """Open a gRPC channel to the service with the certificate of the edge."""
    name = ("grpc.ssl_target_name_override", TOPOLOGY.name)
    return grpc.aio.secure_channel(
        service.address, nats.certificates_of("edge").client(), options=[name]
    )


def _running(settings: SampleSettings, keys: KeyRing | None = None) -> Any:
    return running(settings, build, package=PACKAGE, topology=TOPOLOGY, keys=keys)


@asynccontextmanager
async def _started(settings: SampleSettings, keys: KeyRing | None = None) -> AsyncIterator[Any]:
    """Yield a service that has been started but may not be ready yet."""

    async def live(started: asyncio.Future[Any], leave: asyncio.Event) -> None:
        service = assemble(
            PACKAGE, settings, build, call_log=CallLog(), keys=keys, topology=TOPOLOGY
        )
        life = Life(service)
        await life.start()
        started.set_result(service)
        await leave.wait()
        await life.end()

    started: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()
    task = asyncio.ensure_future(live(started, leave))
    yield await started
    leave.set()
    await task


async def _within(seconds: float, wait: Any) -> Any:
    return await asyncio.wait_for(wait, seconds)


async def test_service_serves_calls_and_handles_events(
    migrated_database: Migrated, own_nats: Nats
) -> None:
    await own_nats.declare()
    url = migrated_database(PACKAGE)
    person = new_id()
    async with _running(_on(own_nats, url), KeyRing.of(KEY.public)) as service:
        async with _open(service, own_nats) as opened:
            stub = stubs.EchoServiceStub(opened)
            metadata = bearer(TokenSigner(KEY).sign(person, ["learner"]).text)
            response = await stub.AsAnybody(pb.EchoRequest(text="here"), metadata=metadata)
            assert response.text == "here"
        certified = PersonCertified(
            person_id=str(person), certified_until_time=Timestamp(seconds=1)
        )
        event = wrap(certified, new_id(), utc_now())
        enrollment = await own_nats.connect("enrollment")
        await enrollment.jetstream().publish(event.subject, event.body, headers=dict(event.headers))
        await enrollment.close()
        await _within(10, _effect_on(service.database, person))
    with pytest.raises(grpc.aio.AioRpcError):
        async with _open(service, own_nats) as opened:
            await stubs.EchoServiceStub(opened).Echo(pb.EchoRequest())


async def test_service_becomes_ready_once_its_database_is_reachable(
    migrated_database: Migrated, own_nats: Nats, free_port: Callable[[], int]
) -> None:
    url, gate = _gated(migrated_database(PACKAGE), free_port())
    async with gate as database_gate:
        settings = _on(own_nats, url)
        with capture_logs() as lines:
            async with (
                _started(settings, KeyRing.of(KEY.public)) as service,
                _open(service, own_nats) as opened,
            ):
                await _within(5, service.health.wait_for(lambda state: not state.ready))
                assert await status(opened, LIVE) == "SERVING"
                assert await status(opened, "") == "NOT_SERVING"
                await database_gate.open()
                await _within(15, service.health.wait_for(lambda state: state.ready))
                assert await status(opened, "") == "SERVING"
    waits = [line for line in lines if line["event"] == "service_waiting"]
    assert set(waits[0]["failing"]) >= {"database", "migrations"}


async def test_readiness_follows_the_database(
    migrated_database: Migrated, own_nats: Nats, free_port: Callable[[], int]
) -> None:
    url, gate = _gated(migrated_database(PACKAGE), free_port())
    async with gate as database_gate:
        await database_gate.open()
        async with _running(_on(own_nats, url), KeyRing.of(KEY.public)) as service:
            await database_gate.close()
            state = await _within(10, service.health.wait_for(lambda state: not state.ready))
            assert "database" in state.failing
            await database_gate.open()
            await _within(10, service.health.wait_for(lambda state: state.ready))


async def test_service_without_nats_is_degraded_and_serves(migrated_database: Migrated) -> None:
    settings = _settings(migrated_database(PACKAGE), f"nats://{UNREACHABLE}")
    async with _running(settings, KeyRing.of(KEY.public)) as service:
        state = await _within(5, service.health.wait_for(lambda state: state.degraded))
        assert "nats" in state.failing
        async with grpc.aio.insecure_channel(service.address) as plain:
            assert await status(plain, "") == "SERVING"
            await stubs.EchoServiceStub(plain).Echo(pb.EchoRequest())


async def test_service_that_requires_nats_is_not_ready_without_it(
    migrated_database: Migrated,
) -> None:
    settings = _settings(migrated_database(PACKAGE), f"nats://{UNREACHABLE}", nats_required=True)
    async with _started(settings, KeyRing.of(KEY.public)) as service:
        state = await _within(5, service.health.wait_for(lambda state: not state.ready))
        assert "nats" in state.failing


async def test_service_is_not_ready_before_the_migrations(
    empty_database: str, own_nats: Nats
) -> None:
    settings = _on(own_nats, empty_database)
    async with _started(settings, KeyRing.of(KEY.public)) as service:
        state = await _within(5, service.health.wait_for(lambda state: not state.ready))
    assert "run the command `migrate`" in state.failing["migrations"]


async def test_restart_without_enrollment_uses_the_stored_keys(
    migrated_database: Migrated, own_nats: Nats
) -> None:
    url = migrated_database(PACKAGE)
    database = Database(url)
    await DatabaseKeyStore(database).save([KEY.public])
    await database.close()
    async with (
        _running(_on(own_nats, url)) as service,
        _open(service, own_nats) as opened,
    ):
        metadata = bearer(TokenSigner(KEY).sign(new_id(), ["learner"]).text)
        stub = stubs.EchoServiceStub(opened)
        await stub.AsAnybody(pb.EchoRequest(), metadata=metadata)
        stranger = bearer(TokenSigner(SigningKey.generate()).sign(new_id(), []).text)
        error = await refusal(stub.AsAnybody(pb.EchoRequest(), metadata=stranger))
    assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "KEYS_UNAVAILABLE")


async def test_service_without_signing_keys_is_not_ready(
    migrated_database: Migrated, own_nats: Nats
) -> None:
    async with _started(_on(own_nats, migrated_database(PACKAGE))) as service:
        state = await _within(5, service.health.wait_for(lambda state: not state.ready))
    assert "signing keys" in state.failing


async def test_close_callbacks_run_in_reverse_order_with_the_database_open(
    migrated_database: Migrated, own_nats: Nats
) -> None:
    order: list[str] = []

    def wired(service: Service[SampleSettings]) -> None:
        build(service)

        async def first() -> None:
            await service.database.ping()
            order.append("first")

        async def second() -> None:
            order.append("second")
            raise RuntimeError("a failing callback must not stop the others")

        service.on_close(first)
        service.on_close(second)

    settings = _on(own_nats, migrated_database(PACKAGE))
    async with running(
        settings, wired, package=PACKAGE, topology=TOPOLOGY, keys=KeyRing.of(KEY.public)
    ):
        pass
    assert order == ["second", "first"]


async def test_service_has_its_own_telemetry(migrated_database: Migrated, own_nats: Nats) -> None:
    before = current_tracing()
    seen: list[str] = []

    def wired(service: Service[SampleSettings]) -> None:
        build(service)

        async def record() -> None:
            seen.append(current_tracing().service)

        service.worker("record", timedelta(hours=1), record)

    settings = _on(own_nats, migrated_database(PACKAGE))
    async with running(
        settings, wired, package=PACKAGE, topology=TOPOLOGY, keys=KeyRing.of(KEY.public)
    ):
        assert current_tracing() is before
        async with asyncio.timeout(5):
            while not seen:
                await asyncio.sleep(0.005)
    assert seen == ["sample"]


@pytest.mark.parametrize(
    ("wire", "sentence"),
    [
        (lambda service: service.subscribe("sample--other", {}), "has no consumer sample--other"),
        (
            lambda service: service.subscribe("sample--people", {PersonCreated: None}),
            r"the topology has \['person.certified'\]",
        ),
        (lambda service: service.channel("notification"), "does not call notification"),
    ],
    ids=["consumer", "events", "channel"],
)
async def test_wiring_missing_in_the_topology_is_refused(
    wire: Callable[[Any], None], sentence: str
) -> None:
    settings = _settings("postgresql://x@localhost/x", f"nats://{UNREACHABLE}")
    with pytest.raises(WiringError, match=sentence):
        assemble(PACKAGE, settings, wire, call_log=CallLog(), topology=TOPOLOGY)


async def test_service_without_a_source_of_keys_is_refused() -> None:
    settings = _settings("postgresql://x@localhost/x", f"nats://{UNREACHABLE}")
    with pytest.raises(WiringError, match="call `keys_from`"):
        assemble(PACKAGE, settings, lambda _: None, call_log=CallLog(), topology=TOPOLOGY)


async def test_missing_address_is_reported_at_start() -> None:
    settings = _settings(
        "postgresql://x@localhost/x", f"nats://{UNREACHABLE}", enrollment_address=None
    )
    with pytest.raises(SettingsError, match="PROCTORIUM_ENROLLMENT_ADDRESS is missing"):
        assemble(
            PACKAGE,
            settings,
            lambda service: service.keys_from(no_keys),
            call_log=CallLog(),
            topology=TOPOLOGY,
        )


def _gated(database_url: str, port: int) -> tuple[str, Any]:
    """Return the URL of the database behind a gate at `port`, and the context manager that creates the gate."""
    url = make_url(database_url)
    assert url.host is not None
    assert url.port is not None
    gate: AsyncIterator[Gate] | Any = gate_before(url.host, url.port, port)
    return url.set(port=port).render_as_string(hide_password=False), gate


async def _effect_on(database: Database, person: UUID) -> None:
    while True:
        async with database.transaction() as transaction:
            found = await transaction.execute(
                select(effects.c.id).where(effects.c.what == str(person))
            )
            if found.first() is not None:
                return
        await asyncio.sleep(0.01)
