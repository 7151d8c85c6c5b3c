"""Test that a repeated request has no second effect and receives the stored response."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select, text

from proctorium.enrollment.events.v1.events_pb2 import CoursePublished
from proctorium.enrollment.v1.courses_pb2 import Course, PublishCourseRequest, PublishCourseResponse
from proctorium_common.errors import Kind, ServiceError, conflict
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Call, Caller, calling
from proctorium_common.storage import idempotency
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.retention import RetentionPolicy, purge
from proctorium_common.storage.tables import idempotency_keys, inbox, outbox

from ..conftest import SAMPLE, Migrated
from ..sample.storage.tables import effects

METHOD = "/proctorium.enrollment.v1.CourseService/PublishCourse"
COURSE = str(new_id())


def call_of(person: UUID, method: str = METHOD) -> Call:
    return Call(Caller(person_id=person), method)


@pytest.fixture(autouse=True)
def _in_a_call() -> Iterator[None]:
    with calling(call_of(new_id())):
        yield


def request(course: str = COURSE, request_id: str = "first") -> PublishCourseRequest:
    return PublishCourseRequest(request_id=request_id, course_id=course)


class Publishing:
    """An operation that inserts a row, records an event, and returns a response. It counts its runs."""

    def __init__(self) -> None:
        self.runs = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.failure: Exception | None = None
        self.started = asyncio.Event()

    async def __call__(self, transaction: Transaction) -> PublishCourseResponse:
        self.runs += 1
        nth = self.runs
        await transaction.execute(insert(effects), {"what": "published", "nth": nth})
        transaction.record(CoursePublished(course_id=COURSE))
        self.started.set()
        await self.may_end.wait()
        if self.failure is not None:
            raise self.failure
        response = PublishCourseResponse()
        response.course.title = f"run {nth}"
        return response


async def counts(database: Database) -> tuple[int, int, int]:
    async with database.transaction() as transaction:
        found = [
            (await transaction.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (effects, outbox, idempotency_keys)
        ]
    return found[0], found[1], found[2]


async def publish(
    database: Database, publishing: Publishing, message: PublishCourseRequest | None = None
) -> str:
    response = await database.once(message or request(), publishing, PublishCourseResponse)
    return response.course.title


async def test_repeated_request_gets_the_stored_response(database: Database) -> None:
    publishing = Publishing()
    assert [await publish(database, publishing) for _ in range(3)] == ["run 1"] * 3
    assert await counts(database) == (1, 1, 1)


async def test_use_case_runs_once_and_its_result_is_converted(
    database: Database,
) -> None:
    runs = 0

    async def use_case(_: Transaction) -> str:
        nonlocal runs
        runs += 1
        return f"run {runs}"

    def respond(title: str) -> PublishCourseResponse:
        return PublishCourseResponse(course=Course(title=title))

    responder = idempotency.Responder(request(), PublishCourseResponse, respond)
    responses = [await database.respond(responder, use_case) for _ in range(2)]
    assert [response.course.title for response in responses] == ["run 1", "run 1"]


async def test_stored_response_is_found_without_running_the_operation(
    database: Database,
) -> None:
    async def stored(message: PublishCourseRequest) -> str | None:
        async with database.transaction() as transaction:
            response = await idempotency.stored_response(
                transaction, message, PublishCourseResponse
            )
        return None if response is None else response.course.title

    assert await stored(request()) is None
    assert await stored(request(request_id="")) is None
    await publish(database, Publishing())
    assert await stored(request()) == "run 1"
    assert await stored(request(request_id="")) is None
    with pytest.raises(ServiceError) as caught:
        await stored(request(course=str(new_id())))
    assert caught.value.reason == "REQUEST_ID_REUSED"
    assert await counts(database) == (1, 1, 1)


async def test_requests_without_a_request_id_are_not_deduplicated(database: Database) -> None:
    publishing = Publishing()
    for expected in ("run 1", "run 2"):
        assert await publish(database, publishing, request(request_id="")) == expected
    assert await counts(database) == (2, 2, 0)


async def test_request_id_with_another_request_is_refused(database: Database) -> None:
    publishing = Publishing()
    await publish(database, publishing)
    with pytest.raises(ServiceError) as caught:
        await publish(database, publishing, request(course=str(new_id())))
    assert (caught.value.kind, caught.value.reason) == (Kind.INVALID, "REQUEST_ID_REUSED")
    assert await counts(database) == (1, 1, 1)


async def test_keys_are_separate_by_caller_and_method(
    database: Database,
) -> None:
    publishing = Publishing()
    person = new_id()
    responses = []
    for call in (call_of(person), call_of(new_id()), call_of(person, "/other"), call_of(person)):
        with calling(call):
            responses.append(await publish(database, publishing))
    assert responses == ["run 1", "run 2", "run 3", "run 1"]


async def test_refusal_rolls_back_the_key(database: Database) -> None:
    publishing = Publishing()
    publishing.failure = conflict("STALE_ETAG", "It has changed.")
    with pytest.raises(ServiceError):
        await publish(database, publishing)
    assert await counts(database) == (0, 0, 0)
    publishing.failure = None
    assert await publish(database, publishing) == "run 2"


async def test_responses_of_a_batch_are_stored_once_and_found(database: Database) -> None:
    def key_of(request_id: str, course: str = COURSE) -> idempotency.Key:
        key = idempotency.key_of(request(course, request_id))
        assert key is not None
        return key

    def response(title: str) -> PublishCourseResponse:
        message = PublishCourseResponse()
        message.course.title = title
        return message

    one, two, other = key_of("one"), key_of("two"), key_of("one", str(new_id()))
    async with database.transaction() as transaction:
        stored = await idempotency.stored_responses(transaction, [one], PublishCourseResponse)
        assert stored == {}
        await idempotency.store_responses(transaction, {one: response("first")})
    async with database.transaction() as transaction:
        stored = await idempotency.stored_responses(
            transaction, [one, two, other], PublishCourseResponse
        )
    assert stored == {one: response("first"), other: None}

    async def store_again() -> None:
        async with database.transaction() as transaction:
            both = {one: response("second"), two: response("second")}
            await idempotency.store_responses(transaction, both)

    with pytest.raises(ServiceError) as caught:
        await store_again()
    assert caught.value.kind is Kind.UNAVAILABLE
    assert (await counts(database))[2] == 1


async def test_concurrent_requests_share_one_run(database: Database) -> None:
    publishing = Publishing()
    responses = await asyncio.gather(*(publish(database, publishing) for _ in range(8)))
    assert responses == ["run 1"] * 8
    assert await counts(database) == (1, 1, 1)


async def test_concurrent_request_waits_for_the_first(database: Database) -> None:
    publishing = Publishing()
    publishing.may_end.clear()
    first = asyncio.create_task(publish(database, publishing))
    await publishing.started.wait()
    second = asyncio.create_task(publish(database, publishing))
    await wait_for_blocked_transaction(database)
    publishing.may_end.set()
    assert (await first, await second) == ("run 1", "run 1")
    assert publishing.runs == 1


async def test_concurrent_request_runs_if_the_first_fails(
    database: Database,
) -> None:
    failing, working = Publishing(), Publishing()
    failing.may_end.clear()
    failing.failure = conflict("STALE_ETAG", "It has changed.")
    first = asyncio.create_task(publish(database, failing))
    await failing.started.wait()
    second = asyncio.create_task(publish(database, working))
    await wait_for_blocked_transaction(database)
    failing.may_end.set()
    with pytest.raises(ServiceError):
        await first
    assert await second == "run 1"
    assert await counts(database) == (1, 1, 1)


async def wait_for_blocked_transaction(database: Database) -> None:
    """Wait until a lock blocks a transaction in the database."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while True:
        async with database.transaction() as transaction:
            if (await transaction.execute(waiting)).scalar_one():
                return


async def test_clean_up_removes_only_what_the_retention_policy_allows(
    migrated_database: Migrated,
) -> None:
    today = datetime(2026, 4, 2, tzinfo=UTC)
    url = migrated_database(SAMPLE)
    for days_ago in (60, 10, 3, 0):
        then = today - timedelta(days=days_ago)
        at = Database(url, clock=lambda then=then: then)  # type: ignore[misc]
        await publish(at, Publishing(), request(request_id=f"{days_ago}"))
        async with at.transaction() as transaction:
            handled = {"consumer": "c", "event_id": new_id(), "handled_at": then}
            await transaction.execute(insert(inbox), handled)
            if days_ago != 60:
                await transaction.execute(
                    outbox.update().where(outbox.c.occurred_at == then).values(published_at=then)
                )
        await at.close()
    database = Database(url, clock=lambda: today)
    removed = await purge(database)
    assert (removed.outbox, removed.inbox, removed.idempotency_keys) == (1, 1, 3)
    assert await counts(database) == (4, 3, 1)
    async with database.transaction() as transaction:
        oldest = (await transaction.execute(select(func.min(outbox.c.occurred_at)))).scalar_one()
    assert oldest == today - timedelta(days=60), "unpublished events are never removed"
    await database.close()


def test_inbox_must_be_stored_longer_than_events_can_be_replayed() -> None:
    with pytest.raises(ValueError, match="handled twice"):
        RetentionPolicy(outbox=timedelta(days=30), inbox=timedelta(days=7))
