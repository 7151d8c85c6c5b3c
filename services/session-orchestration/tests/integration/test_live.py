"""Tests of live views of sessions.

The views are sent immediately, can be resumed, are shared between watchers, and do not need the message broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import grpc

from proctorium.session.v1 import lobby_pb2, sessions_pb2, supervision_pb2
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.listen import Listener
from proctorium_devstack.ports import free_ports
from proctorium_devstack.testing.waiting import TIMEOUT, next_response, until
from proctorium_session.operations.live import Live, LiveSession

from .harness import Harness, Person, end, join, plan, start

WAITING = lobby_pb2.PARTICIPANT_STATE_WAITING
IN_SESSION = lobby_pb2.PARTICIPANT_STATE_IN_SESSION

SHORT = timedelta(milliseconds=100)

Watch = grpc.aio.UnaryStreamCall[lobby_pb2.WatchSessionRequest, lobby_pb2.WatchSessionResponse]
RosterWatch = grpc.aio.UnaryStreamCall[
    supervision_pb2.WatchRosterRequest, supervision_pb2.WatchRosterResponse
]


def watch(person: Person, session_id: str, cursor: str = "") -> Watch:
    request = lobby_pb2.WatchSessionRequest(session_id=session_id, cursor=cursor)
    return person.lobby.WatchSession(request)


def watch_roster(person: Person, session_id: str, cursor: str = "") -> RosterWatch:
    request = supervision_pb2.WatchRosterRequest(session_id=session_id, cursor=cursor)
    return person.supervision.WatchRoster(request)


async def seen_as(
    call: Watch, state: lobby_pb2.ParticipantState.ValueType
) -> lobby_pb2.WatchSessionResponse:
    """Return the first view in which the learner is in `state`."""
    while True:
        view = await next_response(call)
        if view.participant.state == state:
            return view


async def connected(call: Watch) -> lobby_pb2.WatchSessionResponse:
    """Return the first view in which the learner is connected. After this view, nothing changes automatically."""
    while True:
        view = await next_response(call)
        if view.participant.connected:
            return view


async def _next(call: Watch | RosterWatch) -> object:
    return await anext(aiter(call))


async def is_silent(call: Watch | RosterWatch) -> bool:
    """Return whether no message arrives while the periodic workers run about twelve times."""
    reading = asyncio.create_task(_next(call))
    done, _ = await asyncio.wait([reading], timeout=0.6)
    reading.cancel()
    return not done


async def test_start_reaches_every_learner_without_the_broker(harness: Harness) -> None:
    proctor, learners = harness.proctor(), [harness.learner() for _ in range(4)]
    session = await harness.scheduled(plan([proctor]))
    nowhere = f"nats://127.0.0.1:{free_ports(1)[0]}"
    async with harness.replica(nats_url=nowhere) as lonely:
        there = [lonely.person("learner", person_id=each.person_id) for each in learners]
        for each in there:
            await join(each, session.session_id)
        watches = [watch(each, session.session_id) for each in there]
        await asyncio.gather(*(connected(each) for each in watches))
        own = lonely.person("proctor", person_id=proctor.person_id)
        await start(own, session.session_id)
        views = await asyncio.gather(*(seen_as(each, IN_SESSION) for each in watches))
        assert {each.session.state for each in views} == {sessions_pb2.SESSION_STATE_IN_PROGRESS}
        for call in watches:
            call.cancel()


async def test_start_sends_each_device_its_learner_and_the_server_time(harness: Harness) -> None:
    proctor, learners = harness.proctor(), [harness.learner() for _ in range(3)]
    session = await harness.scheduled(plan([proctor]))
    joined = {each.id: (await join(each, session.session_id)).participant for each in learners}
    # The first learner has two devices.
    devices = [(each, watch(each, session.session_id)) for each in (*learners, learners[0])]
    for _, call in devices:
        await connected(call)
    before = datetime.now(UTC)
    await start(proctor, session.session_id)
    for learner, call in devices:
        view = await seen_as(call, IN_SESSION)
        participant = joined[learner.id]
        assert view.participant.person_id == learner.id
        assert view.participant.participant_id == participant.participant_id
        assert view.participant.join_time == participant.join_time
        assert before <= view.server_time.ToDatetime(tzinfo=UTC) <= datetime.now(UTC)
        call.cancel()


async def test_changes_on_one_replica_are_shown_by_the_other(harness: Harness) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    async with harness.replica() as other:
        there = other.person("learner", person_id=learner.person_id)
        roster = watch_roster(
            other.person("proctor", person_id=proctor.person_id),
            session.session_id,
        )
        assert not (await next_response(roster)).snapshot.participants
        await join(learner, session.session_id)
        # A learner who has just joined on this replica can watch on the other replica, even if the notification of the
        # join has not arrived there yet.
        view = watch(there, session.session_id)
        await seen_as(view, WAITING)
        while True:
            change = await next_response(roster)
            if change.participant.person_id == learner.id:
                break
        await start(proctor, session.session_id)
        await seen_as(view, IN_SESSION)
        view.cancel()
        roster.cancel()


async def test_current_cursor_resumes_without_a_message(
    harness: Harness,
) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    await join(learner, session.session_id)
    first = watch(learner, session.session_id)
    cursor = (await connected(first)).cursor
    second = watch(learner, session.session_id, cursor)
    assert await is_silent(second)
    third = watch(learner, session.session_id, cursor)
    await start(proctor, session.session_id)
    view = await next_response(third)
    assert view.participant.state == IN_SESSION
    # A client with an outdated, unknown or invalid cursor receives the current view.
    for old in (cursor, "999999", "not a cursor"):
        fourth = watch(learner, session.session_id, old)
        assert (await next_response(fourth)).participant.state == IN_SESSION
        fourth.cancel()
    first.cancel()
    third.cancel()


async def test_learner_receives_no_changes_of_others(harness: Harness) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    await join(learner, session.session_id)
    call = watch(learner, session.session_id)
    await connected(call)
    await join(harness.learner(), session.session_id)
    assert await is_silent(call)


async def test_silent_watch_is_sent_the_unchanged_view(harness: Harness) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    await join(learner, session.session_id)
    async with harness.replica(watch_heartbeat=SHORT) as other:
        there = other.person("learner", person_id=learner.person_id)
        own = other.person("proctor", person_id=proctor.person_id)
        call = watch(there, session.session_id)
        view = await connected(call)
        roster = watch_roster(own, session.session_id, view.cursor)
        for _ in range(3):
            again = await next_response(call)
            assert again.server_time.ToDatetime() > view.server_time.ToDatetime()
            again.server_time.CopyFrom(view.server_time)
            assert again == view
            nothing = await next_response(roster)
            assert (nothing.cursor, nothing.WhichOneof("change")) == (view.cursor, None)
            assert not nothing.messages
        # The watchers still receive changes.
        await start(own, session.session_id)
        await seen_as(call, IN_SESSION)
        changes: list[supervision_pb2.WatchRosterResponse] = []
        while len(changes) < 2:
            change = await next_response(roster)
            if change.WhichOneof("change"):
                changes.append(change)
        assert changes[-1].session.state == sessions_pb2.SESSION_STATE_IN_PROGRESS
        call.cancel()
        roster.cancel()


async def test_roster_starts_with_a_snapshot_and_continues_with_changes(harness: Harness) -> None:
    proctor, first, second = harness.proctor(), harness.learner(), harness.learner()
    session = await harness.scheduled(plan([proctor], [first]))
    await join(first, session.session_id)
    call = watch_roster(proctor, session.session_id)
    snapshot = (await next_response(call)).snapshot
    assert [each.person_id for each in snapshot.participants] == [first.id]
    assert list(snapshot.session.plan.learner_ids) == [first.id]

    await join(second, session.session_id)
    change = await next_response(call)
    assert change.participant.person_id == second.id
    back = watch_roster(proctor, session.session_id, change.cursor)
    assert await is_silent(back)

    await start(proctor, session.session_id)
    changes = [await next_response(call) for _ in range(3)]
    assert {each.participant.person_id for each in changes[:2]} == {first.id, second.id}
    assert changes[2].session.state == sessions_pb2.SESSION_STATE_IN_PROGRESS
    # The start is sent in several messages, and only the last message has a new cursor. Therefore, a client that
    # disconnects before the last message receives all of the messages again.
    assert [each.cursor for each in changes[:2]] == [change.cursor] * 2
    assert int(changes[2].cursor) > int(change.cursor)
    again = watch_roster(proctor, session.session_id, changes[0].cursor)
    assert (await next_response(again)).HasField("snapshot")
    again.cancel()

    await end(proctor, session.session_id)
    rest = [each async for each in call]
    assert rest[-1].session.state == sessions_pb2.SESSION_STATE_ENDED


async def test_watch_of_a_session_that_is_over_sends_one_view(harness: Harness) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    await join(learner, session.session_id)
    await start(proctor, session.session_id)
    await end(proctor, session.session_id)
    views = [each async for each in watch(learner, session.session_id)]
    assert [each.session.state for each in views] == [sessions_pb2.SESSION_STATE_ENDED]
    assert [each async for each in watch(learner, session.session_id, views[0].cursor)] == []
    assert len([each async for each in watch_roster(proctor, session.session_id)]) == 1


async def test_lost_notification_connection_loses_no_change(harness: Harness) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    await join(learner, session.session_id)
    call = watch(learner, session.session_id)
    await connected(call)
    await harness.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE query LIKE 'LISTEN%' AND datname = current_database()"
    )
    await start(proctor, session.session_id)
    assert (await seen_as(call, IN_SESSION)).session.state == sessions_pb2.SESSION_STATE_IN_PROGRESS
    call.cancel()


class CountedDatabase(Database):
    """A database that counts its transactions. A single statement counts as one transaction."""

    transactions = 0

    @asynccontextmanager
    async def transaction(self, *, repeatable_read: bool = False) -> AsyncIterator[Transaction]:
        self.transactions += 1
        async with super().transaction(repeatable_read=repeatable_read) as tx:
            yield tx

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        self.transactions += 1
        return await super().fetch(sql, *arguments)


async def test_change_is_read_once_for_all_watchers(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor], capacity=300))
    await until(harness.is_quiet)
    session_id = UUID(session.session_id)
    database = CountedDatabase(harness.database_url)
    listener = Listener(database)
    live = Live(database, listener)

    async def one_watcher() -> int:
        async with live.session(session_id) as shared:
            before = await shared.snapshot_since(0)
            with shared.roster() as changed:
                opened.release()
                while shared.snapshot.session.state == before.session.state:
                    await changed.wait()
                    changed.clear()
            return shared.snapshot.revision

    opened = asyncio.Semaphore(0)
    async with asyncio.timeout(TIMEOUT):
        watchers = [asyncio.create_task(one_watcher()) for _ in range(200)]
        for _ in watchers:
            await opened.acquire()
        # Concurrent watchers share one read of the session. The session is read again when the subscription to its
        # notifications starts.
        assert database.transactions <= 3
        before = database.transactions
        await start(proctor, session.session_id)
        revisions = await asyncio.gather(*watchers)
    assert len(set(revisions)) == 1
    assert database.transactions - before <= 2
    await live.close()
    await listener.close()
    await database.close()


async def test_slow_watcher_gets_only_the_newest_snapshot(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor], capacity=300))
    call = watch_roster(proctor, session.session_id)
    await next_response(call)
    database = Database(harness.database_url)
    live = Live(database, Listener(database))
    async with live.session(UUID(session.session_id)) as shared:
        with shared.roster() as changed:
            first = await shared.snapshot_since(0)
            for _ in range(5):
                await join(harness.learner(), session.session_id)
            await shared.read()
            # The watcher did not read after any of the five changes. There is now one snapshot, which contains all five
            # changes.
            assert changed.is_set()
            assert len(shared.snapshot.changed_since(first.revision)) == 5
            assert len(shared.snapshot.views) == 5
    call.cancel()
    await live.close()
    await database.close()


async def test_replica_behind_the_cursor_sends_no_older_view(harness: Harness) -> None:
    first, second = harness.learner(), harness.learner()
    session = await harness.scheduled(plan([harness.proctor()]))
    await join(first, session.session_id)
    # This live session receives no notifications.
    deaf = LiveSession(harness.database, UUID(session.session_id))
    seen = await deaf.snapshot_since(0, first.person_id)
    await join(second, session.session_id)
    assert await deaf.snapshot_since(0, first.person_id) is seen
    assert (await deaf.snapshot_since(0, second.person_id)).view_of(second.person_id)
    await join(harness.learner(), session.session_id)
    assert (await deaf.snapshot_since(seen.revision + 2)).revision == seen.revision + 2


async def test_ended_watch_frees_its_memory(harness: Harness) -> None:
    session = await harness.scheduled(plan([harness.proctor()]))
    database = Database(harness.database_url)
    live = Live(database, Listener(database))
    async with live.session(UUID(session.session_id)) as first:
        async with live.session(UUID(session.session_id)) as second:
            assert first is second
        await first.snapshot_since(0)
    assert live._sessions == {}
    await live.close()
    await database.close()


async def test_draining_replica_ends_its_watches(harness: Harness) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    await join(learner, session.session_id)
    async with harness.replica() as leaving:
        there = leaving.person("learner", person_id=learner.person_id)
        call = watch(there, session.session_id)
        view = await next_response(call)
    assert await call.code() == grpc.StatusCode.UNAVAILABLE
    back = watch(learner, session.session_id, view.cursor)
    await start(proctor, session.session_id)
    assert (await seen_as(back, IN_SESSION)).participant.participant_id

    async def is_connected() -> bool:
        rows = await harness.rows(
            "SELECT connected FROM participants WHERE person_id = :id", id=learner.person_id
        )
        return rows == [(True,)]

    await until(is_connected)
    back.cancel()
