"""Test that transactions commit completely or not at all, and that temporary failures are reported as UNAVAILABLE."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import psutil
import pytest
from sqlalchemy import String, func, insert, literal_column, make_url, select, text, update

from proctorium.enrollment.events.v1.events_pb2 import PersonCertified, PersonCreated
from proctorium.options.v1.options_pb2 import Access
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database, TimeLimits
from proctorium_common.storage.tables import outbox
from proctorium_common.storage.transient import is_transient
from proctorium_common.telemetry.traces import parse_trace_context
from proctorium_devstack.components.postgres import Postgres
from proctorium_devstack.testing import AsOwner
from proctorium_devstack.testing.waiting import until

from ..conftest import SAMPLE, Migrated
from ..process.gate import TERMINATION_MESSAGE, Gate, gate_before
from ..sample.storage.tables import effects


async def count(database: Database) -> int:
    async with database.transaction() as transaction:
        return (await transaction.execute(select(func.count()).select_from(effects))).scalar_one()


def effect(what: str, nth: int = 1) -> dict[str, object]:
    return {"what": what, "nth": nth}


async def test_block_without_an_error_is_committed(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(insert(effects), [effect("a"), effect("b")])
    assert await count(database) == 2


async def test_block_that_raises_is_rolled_back_with_its_events(database: Database) -> None:
    async def change_and_fail() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(insert(effects), effect("a"))
            transaction.record(PersonCreated(person_id=str(new_id())))
            raise LookupError

    with pytest.raises(LookupError):
        await change_and_fail()
    assert await count(database) == 0
    assert await rows(database) == []


async def test_change_and_event_are_committed_in_one_transaction(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(insert(effects), effect("a"))
        transaction.record(PersonCreated(person_id=str(new_id())))
    async with database.transaction() as transaction:
        of = literal_column("xmin::text", String)
        changed = (await transaction.execute(select(of).select_from(effects))).scalar_one()
        recorded = (await transaction.execute(select(of).select_from(outbox))).scalar_one()
    assert changed == recorded


async def test_fetch_shares_the_transaction(database: Database) -> None:
    async def change_and_fail() -> None:
        async with database.transaction() as transaction:
            added = await transaction.fetch(
                "INSERT INTO effects (what, nth) VALUES ($1, $2) RETURNING what, nth", "a", 7
            )
            assert [tuple(row) for row in added] == [("a", 7)]
            found = await transaction.execute(select(func.count()).select_from(effects))
            assert found.scalar_one() == 1
            raise LookupError

    with pytest.raises(LookupError):
        await change_and_fail()
    assert await count(database) == 0
    async with database.transaction() as transaction:
        await transaction.fetch("INSERT INTO effects (what, nth) VALUES ($1, $2)", "b", 1)
    assert await count(database) == 1


async def test_fetched_statement_is_prepared_once(migrated_database: Migrated) -> None:
    database = Database(migrated_database(SAMPLE), pool_size=1)
    for nth in range(3):
        async with database.transaction() as transaction:
            await transaction.fetch("SELECT what FROM effects WHERE nth = $1", nth)
            prepared = await transaction.fetch(
                "SELECT generic_plans + custom_plans AS runs FROM pg_prepared_statements"
                " WHERE statement LIKE 'SELECT what%'"
            )
            assert [row["runs"] for row in prepared] == [nth + 1]
    await database.close()


async def test_fetch_that_exceeds_the_statement_timeout_is_unavailable(
    migrated_database: Migrated,
) -> None:
    limits = TimeLimits(statement=timedelta(milliseconds=50))
    database = Database(migrated_database(SAMPLE), limits=limits)

    async def sleep() -> None:
        async with database.transaction() as transaction:
            await transaction.fetch("SELECT pg_sleep(10)")

    await refused(sleep())
    await database.close()


async def test_fetch_works_again_after_a_schema_change(
    migrated_database: Migrated, as_owner: AsOwner
) -> None:
    database = Database(migrated_database(SAMPLE), pool_size=1)

    async def read() -> None:
        async with database.transaction() as transaction:
            await transaction.fetch("SELECT nth FROM effects")

    await read()
    await as_owner(database.url, "ALTER TABLE effects ALTER nth TYPE bigint")
    await refused(read())
    await read()
    await database.close()


async def test_single_statement_is_committed_and_releases_its_connection(
    migrated_database: Migrated,
) -> None:
    database = Database(migrated_database(SAMPLE), pool_size=1)
    insertion = "INSERT INTO effects (what, nth) VALUES ($1, $2) RETURNING what"
    for nth in range(3):
        assert [tuple(row) for row in await database.fetch(insertion, "a", nth)] == [("a",)]
    with pytest.raises(asyncpg.NotNullViolationError):
        await database.fetch(insertion, None, 1)
    assert await count(database) == 3
    await database.close()


async def test_single_statement_that_exceeds_the_timeout_is_unavailable(
    migrated_database: Migrated,
) -> None:
    limits = TimeLimits(statement=timedelta(milliseconds=50))
    database = Database(migrated_database(SAMPLE), limits=limits, pool_size=1)
    await refused(database.fetch("SELECT pg_sleep(10)"))
    assert await count(database) == 0
    await database.close()


async def test_repeatable_read_sees_one_snapshot_and_cannot_write(database: Database) -> None:
    async with database.transaction(repeatable_read=True) as reader:
        counted = select(func.count()).select_from(effects)
        assert (await reader.execute(counted)).scalar_one() == 0
        async with database.transaction() as writer:
            await writer.execute(insert(effects), effect("a"))
        assert (await reader.execute(counted)).scalar_one() == 0

    async def write() -> None:
        async with database.transaction(repeatable_read=True) as reader:
            await reader.execute(insert(effects), effect("b"))

    await refused(write())
    assert await count(database) == 1


async def test_change_is_rolled_back_if_its_event_cannot_be_written(
    database: Database, as_owner: AsOwner
) -> None:
    await as_owner(database.url, "ALTER TABLE outbox ADD CHECK (false) NOT VALID")

    async def change() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(insert(effects), effect("a"))
            transaction.record(PersonCreated(person_id=str(new_id())))

    with pytest.raises(asyncpg.CheckViolationError):
        await change()
    assert await count(database) == 0


async def rows(database: Database) -> list[tuple[UUID, str, str]]:
    async with database.transaction() as transaction:
        found = await transaction.execute(
            select(outbox.c.event_id, outbox.c.subject, outbox.c.headers).order_by(
                outbox.c.position
            )
        )
        return [(row.event_id, row.subject, row.headers["traceparent"]) for row in found]


async def test_events_are_written_in_the_order_of_recording(
    migrated_database: Migrated,
) -> None:
    now = datetime(2026, 4, 2, 9, 30, tzinfo=UTC)
    database = Database(migrated_database(SAMPLE), clock=lambda: now)
    people = [str(new_id()) for _ in range(20)]
    place = parse_trace_context("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    async with database.transaction() as transaction:
        ids = [
            transaction.record(PersonCreated(person_id=id_), trace_context=place) for id_ in people
        ]
        last = transaction.record(PersonCertified(person_id=people[0]), trace_context=place)
        assert transaction.now == now
    stored = await rows(database)
    assert [row[0] for row in stored] == [*ids, last]
    assert stored[0][1] == f"evt.enrollment.person.created.v1.{people[0]}"
    assert {row[2] for row in stored} == {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    async with database.transaction() as transaction:
        first = (await transaction.execute(select(outbox).limit(1))).one()
    assert PersonCreated.FromString(first.body).person_id == people[0]
    assert first.occurred_at == now
    assert first.published_at is None
    assert first.headers == {
        "ce-id": str(ids[0]),
        "ce-source": "/proctorium/enrollment",
        "ce-type": "proctorium.enrollment.person.created.v1",
        "ce-specversion": "1.0",
        "ce-time": "2026-04-02T09:30:00Z",
        "ce-subject": people[0],
        "ce-datacontenttype": "application/protobuf",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    await database.close()


async def test_event_without_its_id_is_refused(
    database: Database,
) -> None:
    with pytest.raises(ValueError, match="person_id"):
        async with database.transaction() as transaction:
            transaction.record(PersonCreated())


async def test_message_without_the_event_option_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="no `event` option"):
        async with database.transaction() as transaction:
            transaction.record(Access())


async def refused(work: Awaitable[object]) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await work
    assert caught.value.kind is Kind.UNAVAILABLE
    assert caught.value.reason == "DATABASE_UNAVAILABLE"
    return caught.value


async def test_unreachable_database_is_unavailable(free_port: Callable[[], int]) -> None:
    database = Database(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    await refused(database.ping())
    await refused(count(database))


async def test_error_of_the_block_is_not_converted(database: Database) -> None:
    with pytest.raises(ConnectionRefusedError):
        async with database.transaction():
            raise ConnectionRefusedError


async def test_lost_connection_is_unavailable_once_and_then_replaced(
    database: Database, postgres: Postgres
) -> None:
    async def lose_connection() -> None:
        async with database.transaction() as transaction:
            pid = (await transaction.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            superuser = await postgres.connect()
            await superuser.execute("SELECT pg_terminate_backend($1)", pid)
            await superuser.close()
            await transaction.execute(insert(effects), effect("lost"))

    await refused(lose_connection())
    assert await count(database) == 0


async def test_terminated_idle_connections_cause_no_error(
    database: Database, postgres: Postgres
) -> None:
    await asyncio.gather(*(count(database) for _ in range(5)))
    name = await name_of(database)
    superuser = await postgres.connect()
    terminate = "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
    pids = [row["pid"] for row in await superuser.fetch(terminate, name)]
    # Wait until the server processes of the terminated connections have ended. Run queries during the wait, so that the
    # event loop reads the termination messages that PostgreSQL has sent on these connections.
    while any(psutil.pid_exists(pid) for pid in pids):
        await superuser.fetchval("SELECT 1")
    for _ in range(3):
        await superuser.fetchval("SELECT 1")
    await superuser.close()
    assert await asyncio.gather(*(count(database) for _ in range(5))) == [0] * 5


@asynccontextmanager
async def behind_gate(url: str, port: int) -> AsyncIterator[tuple[Gate, Database]]:
    """Yield an open gate to the database, and the database with one connection through the gate."""
    direct = make_url(url)
    assert direct.host
    assert direct.port
    async with gate_before(direct.host, direct.port, port) as gate:
        await gate.open()
        through = direct.set(port=port).render_as_string(hide_password=False)
        database = Database(through, pool_size=1)
        yield gate, database
        await database.close()


@pytest.mark.parametrize("read", [True, False], ids=["read", "unread"])
async def test_connection_with_a_termination_message_is_lost_although_open(
    read: bool, migrated_database: Migrated, free_port: Callable[[], int]
) -> None:
    async with behind_gate(migrated_database(SAMPLE), free_port()) as (gate, database):
        assert await count(database) == 0
        await gate.send(TERMINATION_MESSAGE)
        if read:
            await asyncio.sleep(0.05)
        await refused(count(database))
        assert await count(database) == 0


async def test_cancelled_transaction_does_not_wait_for_a_server_that_hangs(
    migrated_database: Migrated, free_port: Callable[[], int]
) -> None:
    async with behind_gate(migrated_database(SAMPLE), free_port()) as (gate, database):
        assert await count(database) == 0
        gate.hang()
        counting = asyncio.create_task(count(database))
        await until(lambda: database.pool_use()[0].used == 1)
        counting.cancel()
        await asyncio.wait([counting])
        assert counting.cancelled()
        assert database.pool_use()[0].used == 0
        gate.recover()
        assert await count(database) == 0


async def name_of(database: Database) -> str:
    async with database.transaction() as transaction:
        return str((await transaction.execute(text("SELECT current_database()"))).scalar_one())


async def test_deadlock_is_unavailable_for_one_transaction(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(insert(effects), [effect("one"), effect("two")])
    both_locked_one = asyncio.Barrier(2)

    async def lock_both(first: str, second: str) -> None:
        async with database.transaction() as transaction:
            await transaction.execute(update(effects).where(effects.c.what == first).values(nth=2))
            await both_locked_one.wait()
            await transaction.execute(update(effects).where(effects.c.what == second).values(nth=2))

    results = await asyncio.gather(
        lock_both("one", "two"), lock_both("two", "one"), return_exceptions=True
    )
    failures = [each for each in results if each is not None]
    assert [type(failure) for failure in failures] == [ServiceError]


async def test_lock_timeout_is_unavailable(migrated_database: Migrated) -> None:
    limits = TimeLimits(lock=timedelta(milliseconds=50))
    database = Database(migrated_database(SAMPLE), limits=limits)
    async with database.transaction() as holder:
        await holder.execute(text("LOCK TABLE effects"))
        await refused(count(database))
    assert await count(database) == 0
    await database.close()


async def test_statement_timeout_is_unavailable(migrated_database: Migrated) -> None:
    limits = TimeLimits(statement=timedelta(milliseconds=50))
    database = Database(migrated_database(SAMPLE), limits=limits)

    async def sleep() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(text("SELECT pg_sleep(10)"))

    await refused(sleep())
    await database.close()


async def test_exhausted_pool_is_unavailable(migrated_database: Migrated) -> None:
    limits = TimeLimits(connect=timedelta(milliseconds=500))
    database = Database(migrated_database(SAMPLE), pool_size=1, limits=limits)
    async with database.transaction() as holder:
        await holder.execute(text("SELECT 1"))
        await refused(count(database))
    await database.close()


async def test_cancelled_transaction_is_rolled_back_and_releases_its_connection(
    migrated_database: Migrated,
) -> None:
    database = Database(migrated_database(SAMPLE), pool_size=1)
    started = asyncio.Event()

    async def write_and_wait() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(insert(effects), effect("never"))
            started.set()
            await transaction.execute(text("SELECT pg_sleep(60)"))

    task = asyncio.create_task(write_and_wait())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await count(database) == 0
    await database.close()


async def test_too_long_notification_is_refused(database: Database) -> None:
    async with database.transaction() as transaction:
        with pytest.raises(ValueError, match="longer"):
            transaction.notify("news", "x" * 8000)


def test_driver_error_after_a_termination_message_is_temporary() -> None:
    assert is_transient(asyncpg.InternalClientError("cannot switch to state 15; another (2)"))
    assert not is_transient(asyncpg.InterfaceError("the server expects 1 argument, 2 given"))
