"""A request that comes twice has its effect once and is answered twice, with the same words."""

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
    """The operation: one row, one event, and an answer that tells which run made it."""

    def __init__(self) -> None:
        self.runs = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.failure: Exception | None = None
        self.begun = asyncio.Event()

    async def __call__(self, transaction: Transaction) -> PublishCourseResponse:
        self.runs += 1
        nth = self.runs
        await transaction.execute(insert(effects), {"what": "published", "nth": nth})
        transaction.record(CoursePublished(course_id=COURSE))
        self.begun.set()
        await self.may_end.wait()
        if self.failure is not None:
            raise self.failure
        answer = PublishCourseResponse()
        answer.course.title = f"run {nth}"
        return answer


async def counts(database: Database) -> tuple[int, int, int]:
    async with database.transaction() as transaction:
        found = [
            (await transaction.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (effects, outbox, idempotency_keys)
        ]
    return found[0], found[1], found[2]


async def ask(
    database: Database, publishing: Publishing, asked: PublishCourseRequest | None = None
) -> str:
    answer = await database.once(asked or request(), publishing, PublishCourseResponse)
    return answer.course.title


async def test_a_repetition_is_given_the_stored_answer(database: Database) -> None:
    publishing = Publishing()
    assert [await ask(database, publishing) for _ in range(3)] == ["run 1"] * 3
    assert await counts(database) == (1, 1, 1)


async def test_a_use_case_runs_once_and_its_response_is_made_from_its_result(
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


async def test_whether_a_request_repeats_another_is_told_without_running_it(
    database: Database,
) -> None:
    async def before(asked: PublishCourseRequest) -> str | None:
        async with database.transaction() as transaction:
            answer = await idempotency.stored_response(transaction, asked, PublishCourseResponse)
        return None if answer is None else answer.course.title

    assert await before(request()) is None
    assert await before(request(request_id="")) is None
    await ask(database, Publishing())
    assert await before(request()) == "run 1"
    assert await before(request(request_id="")) is None
    with pytest.raises(ServiceError) as caught:
        await before(request(course=str(new_id())))
    assert caught.value.reason == "REQUEST_ID_REUSED"
    assert await counts(database) == (1, 1, 1)


async def test_without_a_request_id_each_request_is_its_own(database: Database) -> None:
    publishing = Publishing()
    for expected in ("run 1", "run 2"):
        assert await ask(database, publishing, request(request_id="")) == expected
    assert await counts(database) == (2, 2, 0)


async def test_the_same_id_with_another_request_is_refused(database: Database) -> None:
    publishing = Publishing()
    await ask(database, publishing)
    with pytest.raises(ServiceError) as caught:
        await ask(database, publishing, request(course=str(new_id())))
    assert (caught.value.kind, caught.value.reason) == (Kind.INVALID, "REQUEST_ID_REUSED")
    assert await counts(database) == (1, 1, 1)


async def test_another_caller_and_another_method_have_keys_of_their_own(
    database: Database,
) -> None:
    publishing = Publishing()
    person = new_id()
    answers = []
    for call in (call_of(person), call_of(new_id()), call_of(person, "/other"), call_of(person)):
        with calling(call):
            answers.append(await ask(database, publishing))
    assert answers == ["run 1", "run 2", "run 3", "run 1"]


async def test_a_refusal_undoes_everything_the_key_too(database: Database) -> None:
    publishing = Publishing()
    publishing.failure = conflict("STALE_ETAG", "It has changed.")
    with pytest.raises(ServiceError):
        await ask(database, publishing)
    assert await counts(database) == (0, 0, 0)
    publishing.failure = None
    assert await ask(database, publishing) == "run 2"


async def test_responses_of_a_batch_are_stored_once_and_found_again(database: Database) -> None:
    def key_of(request_id: str, course: str = COURSE) -> idempotency.Key:
        key = idempotency.key_of(request(course, request_id))
        assert key is not None
        return key

    def response(title: str) -> PublishCourseResponse:
        made = PublishCourseResponse()
        made.course.title = title
        return made

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


async def test_of_many_at_once_one_works_and_all_are_given_its_answer(database: Database) -> None:
    publishing = Publishing()
    answers = await asyncio.gather(*(ask(database, publishing) for _ in range(8)))
    assert answers == ["run 1"] * 8
    assert await counts(database) == (1, 1, 1)


async def test_one_that_comes_meanwhile_waits_for_the_first(database: Database) -> None:
    publishing = Publishing()
    publishing.may_end.clear()
    first = asyncio.create_task(ask(database, publishing))
    await publishing.begun.wait()
    second = asyncio.create_task(ask(database, publishing))
    await waits_for_a_lock(database)
    publishing.may_end.set()
    assert (await first, await second) == ("run 1", "run 1")
    assert publishing.runs == 1


async def test_one_that_comes_meanwhile_does_the_work_if_the_first_fails(
    database: Database,
) -> None:
    failing, working = Publishing(), Publishing()
    failing.may_end.clear()
    failing.failure = conflict("STALE_ETAG", "It has changed.")
    first = asyncio.create_task(ask(database, failing))
    await failing.begun.wait()
    second = asyncio.create_task(ask(database, working))
    await waits_for_a_lock(database)
    failing.may_end.set()
    with pytest.raises(ServiceError):
        await first
    assert await second == "run 1"
    assert await counts(database) == (1, 1, 1)


async def waits_for_a_lock(database: Database) -> None:
    """Returns when somebody in this database waits for a lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while True:
        async with database.transaction() as transaction:
            if (await transaction.execute(waiting)).scalar_one():
                return


async def test_old_keys_marks_and_published_events_go_and_the_rest_stays(
    migrated_database: Migrated,
) -> None:
    today = datetime(2026, 4, 2, tzinfo=UTC)
    url = migrated_database(SAMPLE)
    for days_ago in (60, 10, 3, 0):
        then = today - timedelta(days=days_ago)
        at = Database(url, clock=lambda then=then: then)  # type: ignore[misc]
        await ask(at, Publishing(), request(request_id=f"{days_ago}"))
        async with at.transaction() as transaction:
            mark = {"consumer": "c", "event_id": new_id(), "handled_at": then}
            await transaction.execute(insert(inbox), mark)
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
    assert oldest == today - timedelta(days=60), "what was never published is never removed"
    await database.close()


def test_marks_must_outlive_what_can_be_replayed() -> None:
    with pytest.raises(ValueError, match="handled twice"):
        RetentionPolicy(outbox=timedelta(days=30), inbox=timedelta(days=7))
