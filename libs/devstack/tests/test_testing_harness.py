"""Tests of the harness for integration tests. In these tests, the harness runs a service that this file defines."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import grpc
import pytest

from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.enrollment.v1 import people_pb2, people_pb2_grpc
from proctorium.session.events.v1 import events_pb2 as session_events
from proctorium.session.v1 import supervision_pb2, supervision_pb2_grpc
from proctorium_common.errors import Kind, not_found
from proctorium_common.events.handling import EventMetadata
from proctorium_common.process.service import Service
from proctorium_common.process.settings import ServiceSettings
from proctorium_common.rpc.caller import Caller, current_call
from proctorium_common.rpc.calls import Context
from proctorium_common.storage.database import Database, Transaction
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.testing import TESTER, MigratedDatabase, Servers
from proctorium_devstack.testing.clock import MovableClock
from proctorium_devstack.testing.enrollment import FakeEnrollment
from proctorium_devstack.testing.harness import Person, ServiceHarness
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import next_response, until

SESSION = "proctorium_session"


class Settings(ServiceSettings):
    enrollment_address: str


@dataclass
class Record(supervision_pb2_grpc.RecordServiceServicer):
    """A servicer of which the tests call two methods.

    GetRecord stores the caller and publishes an event. ListRecordAccesses fails.
    """

    database: Database
    callers: list[Caller]

    async def GetRecord(
        self, request: supervision_pb2.GetRecordRequest, context: Context
    ) -> supervision_pb2.GetRecordResponse:
        self.callers.append(current_call().caller)
        async with self.database.transaction() as tx:
            tx.record(session_events.SessionEnded(session_id=request.session_id))
        return supervision_pb2.GetRecordResponse()

    async def GetMyRecord(
        self, request: object, context: Context
    ) -> supervision_pb2.GetMyRecordResponse:
        return supervision_pb2.GetMyRecordResponse()

    async def ListRecordAccesses(
        self, request: object, context: Context
    ) -> supervision_pb2.ListRecordAccessesResponse:
        raise not_found("NOT_FOUND", "There is no such session.")


class Harness(ServiceHarness[Settings]):
    clock: MovableClock
    rows_of_calls = "SELECT count(*) FROM outbox"

    def __init__(self, servers: Servers, enrollment: FakeEnrollment, clock: MovableClock) -> None:
        super().__init__(Settings, self.build, servers, [enrollment], package=SESSION, clock=clock)
        self.enrollment = enrollment
        self.callers: list[Caller] = []
        self.codes: list[tuple[str, EventMetadata]] = []

    def build(self, service: Service[Settings]) -> None:
        record = Record(service.database, self.callers)
        service.rpc(supervision_pb2_grpc.add_RecordServiceServicer_to_server, record)
        service.subscribe("session--codes", {enrollment_events.CodeIssued: self.on_code_issued})
        service.channel("enrollment")

    async def on_code_issued(
        self, tx: Transaction, event: enrollment_events.CodeIssued, metadata: EventMetadata
    ) -> None:
        self.codes.append((event.code_id, metadata))


@pytest.fixture
async def harness(migrated_database: MigratedDatabase, own_nats: Nats) -> AsyncIterator[Harness]:
    await own_nats.declare()
    servers, clock = Servers(migrated_database(SESSION), own_nats), MovableClock()
    async with (
        FakeEnrollment.serving(own_nats.certificates_of("enrollment")) as enrollment,
        Harness(servers, enrollment, clock).replica() as harness,
    ):
        yield harness


def record_request() -> supervision_pb2.GetRecordRequest:
    return supervision_pb2.GetRecordRequest(session_id=str(uuid4()))


def code_issued() -> enrollment_events.CodeIssued:
    return enrollment_events.CodeIssued(code_id=str(uuid4()), session_id=str(uuid4()))


async def test_service_is_called_as_the_person_and_by_the_peer_that_the_test_names(
    harness: Harness,
) -> None:
    proctor, request = uuid4(), record_request()
    called = supervision_pb2_grpc.RecordServiceStub(harness.channel(proctor, "proctor"))
    await called.GetRecord(request)
    for refused in (
        harness.channel(),
        harness.channel(uuid4(), "learner"),
        harness.channel(proctor, "proctor", peer="stranger"),
    ):
        with pytest.raises(grpc.aio.AioRpcError):
            await supervision_pb2_grpc.RecordServiceStub(refused).GetRecord(request)
    assert harness.callers == [Caller(proctor, frozenset({"proctor"}), "edge")]


async def test_tokens_are_valid_at_the_time_of_the_clock(harness: Harness) -> None:
    proctor = Person(harness, "proctor")
    stub = supervision_pb2_grpc.RecordServiceStub(proctor.channel)
    await stub.GetRecord(record_request())
    harness.clock.move(days=1)
    await stub.GetRecord(record_request())
    assert [str(caller.person_id) for caller in harness.callers] == [proctor.id] * 2


async def test_delivered_event_was_handled_with_its_time_and_position(harness: Harness) -> None:
    event, time = code_issued(), datetime(2026, 3, 1, tzinfo=UTC)
    await harness.deliver(event, time=time)
    [(code_id, metadata)] = harness.codes
    assert (code_id, metadata.occurred_at, metadata.position) == (
        event.code_id,
        time,
        harness.position,
    )


async def test_repeated_event_is_published_as_often_as_asked(harness: Harness) -> None:
    before = harness.position
    event_id = await harness.publish(code_issued(), times=2)
    assert (await messages_in(harness.nats), harness.position) == (2, before + 1)
    await harness.until_row("SELECT 1 FROM inbox WHERE event_id = :id", id=event_id)
    assert len(harness.codes) == 1


async def messages_in(nats: Nats) -> int:
    client = await nats.connect(TESTER)
    try:
        return (await client.jetstream().stream_info("ENROLLMENT")).state.messages
    finally:
        await client.close()


async def test_event_is_handled_without_the_broker(harness: Harness) -> None:
    await harness.nats.stop()
    event = code_issued()
    await harness.handle(event, 7)
    assert [(code_id, metadata.position) for code_id, metadata in harness.codes] == [
        (event.code_id, 7)
    ]
    with pytest.raises(AssertionError, match="does not subscribe"):
        await harness.handle(session_events.SessionEnded(session_id=str(uuid4())))


async def test_recorded_events_are_read_from_the_outbox(harness: Harness) -> None:
    stub = supervision_pb2_grpc.RecordServiceStub(harness.channel(uuid4(), "proctor"))
    requests = [record_request() for _ in range(3)]
    for request in requests:
        await stub.GetRecord(request)
    ended = [each.session_id for each in await harness.events(session_events.SessionEnded)]
    assert ended == [request.session_id for request in requests]
    assert await harness.events(session_events.SessionScheduled) == []
    assert await harness.published(ended[1]) == ["session.ended"]
    [harness.events_after] = (await harness.rows("SELECT min(position) FROM outbox"))[0]
    assert len(await harness.events(session_events.SessionEnded)) == 2
    assert await harness.published() == ["session.ended"] * 2


async def test_call_that_changes_something_does_not_pass_as_refused(harness: Harness) -> None:
    stub = supervision_pb2_grpc.RecordServiceStub(harness.channel(uuid4(), "administrator"))
    session_id = str(uuid4())
    listing = supervision_pb2.ListRecordAccessesRequest(session_id=session_id)
    error = await harness.refused(stub.ListRecordAccesses, listing)
    assert error.kind is Kind.NOT_FOUND
    with pytest.raises(AssertionError, match="the call succeeded"):
        await harness.refused(
            stub.GetRecord, supervision_pb2.GetRecordRequest(session_id=session_id)
        )

    async def change_and_refuse() -> None:
        await stub.GetRecord(supervision_pb2.GetRecordRequest(session_id=session_id))
        raise not_found("NOT_FOUND", "There is no such session.")

    with pytest.raises(AssertionError, match="changed something"):
        await harness.refused(change_and_refuse)


async def test_replica_shares_database_and_keys_and_has_settings_of_its_own(
    harness: Harness,
) -> None:
    async with harness.replica(drain_grace=3) as other:
        assert other.service.address != harness.service.address
        assert other.service.settings.drain_grace == timedelta(seconds=3)
        assert other.database_url == harness.database_url
        stub = supervision_pb2_grpc.RecordServiceStub(other.channel(uuid4(), "proctor"))
        await stub.GetRecord(record_request())
        assert len(await harness.events(session_events.SessionEnded)) == 1
        assert harness.channels == []
    with pytest.raises(grpc.aio.UsageError, match="closed"):
        await stub.GetRecord(record_request())


async def test_replica_in_a_process_is_killed_at_the_end(harness: Harness) -> None:
    async with harness.process() as process:
        assert process.returncode is None
    assert process.returncode == -signal.SIGKILL


async def test_fake_service_is_away_within_the_block(harness: Harness) -> None:
    stub = people_pb2_grpc.PersonServiceStub(harness.service.channel("enrollment"))
    request = people_pb2.CheckPeopleRequest(person_ids=[str(uuid4())])
    await stub.CheckPeople(request)
    async with harness.without(harness.enrollment):
        assert (await refusal(stub.CheckPeople(request))).kind is Kind.UNAVAILABLE
    await stub.CheckPeople(request)


async def test_wait_returns_the_first_true_result() -> None:
    results = iter([0, 0, 3, 4])

    async def result() -> int:
        return next(results)

    assert await until(result) == 3


async def test_wait_that_is_over_names_its_condition() -> None:
    async def never() -> bool:
        return False

    with pytest.raises(TimeoutError, match=r"waited 0\.05 s for .*never"):
        await until(never, 0.05)


async def test_responses_of_a_stream_are_returned_one_by_one() -> None:
    async def stream() -> AsyncIterator[int]:
        yield 1
        yield 2

    responses = stream()
    assert [await next_response(responses), await next_response(responses)] == [1, 2]


def test_clock_stands_still_unless_it_shows_the_real_time() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    standing, running = MovableClock(noon), MovableClock()
    before = datetime.now(UTC)
    running.move(timedelta(hours=1))
    standing.move(hours=1, minutes=30)
    assert standing() == standing.now == noon + timedelta(minutes=90)
    assert before + timedelta(hours=1) <= running() <= datetime.now(UTC) + timedelta(hours=1)
    standing.now = noon
    assert standing() == noon
