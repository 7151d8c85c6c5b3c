"""Tests of the presence of learners. A learner is connected while the learner has an open stream on a replica."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from proctorium.session.v1 import lobby_pb2
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database, TimeLimits
from proctorium_devstack.testing.waiting import next_response, until
from proctorium_session.domain.outages import RECONNECT
from proctorium_session.operations.leases import Lease
from proctorium_session.operations.presence import Presence
from proctorium_session.storage import presence as stored

from .harness import Harness, Person, end, join, plan, start
from .test_live import connected, watch, watch_roster

CONNECTIONS = {"participant.connected", "participant.disconnected"}


async def connections(harness: Harness, session_id: str) -> list[str]:
    return [each for each in await harness.recorded(session_id) if each in CONNECTIONS]


async def shown(harness: Harness, participant_id: str) -> bool:
    rows = await harness.rows(
        "SELECT connected FROM participants WHERE participant_id = :id", id=UUID(participant_id)
    )
    return bool(rows[0][0])


async def lobby_with(harness: Harness, learner: Person) -> tuple[Person, str, str]:
    """Return a proctor, the id of a session with an open lobby, and the participant id of `learner` in the session."""
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    participant = (await join(learner, session.session_id)).participant
    return proctor, session.session_id, participant.participant_id


async def test_stream_sets_presence_and_the_roster_shows_it(
    harness: Harness,
) -> None:
    learner = harness.learner()
    proctor, session_id, _ = await lobby_with(harness, learner)
    roster = watch_roster(proctor, session_id)
    assert not (await next_response(roster)).snapshot.participants[0].connected
    call = watch(learner, session_id)
    assert (await next_response(roster)).participant.connected
    call.cancel()
    assert not (await next_response(roster)).participant.connected
    assert await connections(harness, session_id) == [
        "participant.connected",
        "participant.disconnected",
    ]
    assert set(await harness.published(session_id)) >= CONNECTIONS
    roster.cancel()


async def test_page_reload_does_not_disconnect(harness: Harness) -> None:
    learner = harness.learner()
    _, session_id, participant_id = await lobby_with(harness, learner)
    lease, linger = timedelta(minutes=2), timedelta(minutes=1)

    async def is_held() -> bool:
        """Return whether the lease ends later than it would end after a disconnection."""
        rows = await harness.rows(
            "SELECT expires_at > now() + :linger FROM presence WHERE participant_id = :id",
            id=UUID(participant_id),
            linger=linger,
        )
        return rows == [(True,)]

    async def is_left() -> bool:
        return not await is_held()

    async with harness.replica(
        presence_lease=lease,
        presence_linger=linger,
    ) as patient:
        there = patient.person("learner", person_id=learner.person_id)
        call = watch(there, session_id)
        await connected(call)
        for _ in range(3):
            call.cancel()
            await until(is_left)
            call = watch(there, session_id)
            await until(is_held)
        assert await shown(harness, participant_id)
        assert await connections(harness, session_id) == ["participant.connected"]
        call.cancel()
    # Delete the lease, so that the next test does not have to wait until the lease expires.
    await harness.rows("DELETE FROM presence WHERE participant_id = :id", id=UUID(participant_id))
    await until(harness.is_quiet)


async def test_learner_with_two_devices_is_connected_until_both_are_gone(harness: Harness) -> None:
    learner = harness.learner()
    _, session_id, participant_id = await lobby_with(harness, learner)
    here = watch(learner, session_id)
    await connected(here)
    async with harness.replica() as other:
        there = watch(other.person("learner", person_id=learner.person_id), session_id)
        await next_response(there)

        async def both() -> bool:
            rows = await harness.rows(
                "SELECT 1 FROM presence WHERE participant_id = :id AND expires_at > now()",
                id=UUID(participant_id),
            )
            return len(rows) == 2

        async def one() -> bool:
            return not await both()

        await until(both)
        here.cancel()
        await until(one)
        assert await shown(harness, participant_id)
        assert await connections(harness, session_id) == ["participant.connected"]
        there.cancel()

        async def gone() -> bool:
            return not await shown(harness, participant_id)

        await until(gone)


async def test_learner_on_a_killed_replica_is_disconnected_when_the_lease_expires(
    harness: Harness,
) -> None:
    learner = harness.learner()
    _, session_id, participant_id = await lobby_with(harness, learner)
    database = Database(harness.database_url)
    lease = Lease(length=timedelta(milliseconds=700))
    dying = Presence(
        database,
        new_id(),
        lease,
        asyncio.get_running_loop().time,
        reconnect=timedelta(milliseconds=500),
    )
    with dying.stream(UUID(participant_id)):
        await dying.run()
        assert await shown(harness, participant_id)

        async def gone() -> bool:  # no replica renews the lease
            return not await shown(harness, participant_id)

        await until(gone)
    assert await connections(harness, session_id) == [
        "participant.connected",
        "participant.disconnected",
    ]
    await database.close()


async def test_concurrent_replicas_record_a_disconnect_once(harness: Harness) -> None:
    learners = [harness.learner() for _ in range(5)]
    session = await harness.scheduled(plan([harness.proctor()]))
    ids = [(await join(each, session.session_id)).participant.participant_id for each in learners]
    database = Database(harness.database_url)
    replicas = [
        Presence(database, new_id(), Lease(), asyncio.get_running_loop().time) for _ in range(3)
    ]
    with ExitStack() as streams:
        for participant_id in ids:
            streams.enter_context(replicas[0].stream(UUID(participant_id)))
        await replicas[0]._leases.store()
        async with database.transaction() as tx:
            stale = await stored.list_stale_participants(
                tx, length=Lease().length, reconnect=RECONNECT
            )
        session_id = UUID(session.session_id)

        async def update(replica: Presence) -> None:
            async with database.transaction() as tx:
                await replica._update_session(tx, session_id, stale[session_id])

        await asyncio.gather(*(update(each) for each in replicas))
    assert await connections(harness, session.session_id) == ["participant.connected"] * 5
    await database.close()


async def test_leases_are_renewed_only_when_due(harness: Harness) -> None:
    learner = harness.learner()
    _, _, participant_id = await lobby_with(harness, learner)
    now = 100.0
    database = Database(harness.database_url)
    presence = Presence(database, new_id(), Lease(), lambda: now)

    async def lease() -> object:
        rows = await harness.rows(
            "SELECT expires_at FROM presence WHERE participant_id = :id", id=UUID(participant_id)
        )
        return rows[0][0]

    with presence.stream(UUID(participant_id)):
        await presence.run()
        first = await lease()
        now += 1
        await presence.run()
        assert await lease() == first
        now += 2
        await presence.run()
        assert await lease() != first
    await database.close()


async def test_no_presence_in_a_session_that_is_over(harness: Harness) -> None:
    learner = harness.learner()
    proctor, session_id, participant_id = await lobby_with(harness, learner)
    call = watch(learner, session_id)
    await connected(call)
    await start(proctor, session_id)
    await end(proctor, session_id)
    views = [each async for each in call]
    assert views[-1].participant.state == lobby_pb2.PARTICIPANT_STATE_LEFT
    assert not await shown(harness, participant_id)
    database = Database(harness.database_url)
    presence = Presence(database, new_id(), Lease(), asyncio.get_running_loop().time)
    with presence.stream(UUID(participant_id)):
        await presence.run()
    assert await connections(harness, session_id) == ["participant.connected"]
    await database.close()


@pytest.mark.parametrize("seconds", [-5, 1, 60], ids=["expired", "almost expired", "valid"])
async def test_lease_is_only_shortened_when_its_stream_closes(
    harness: Harness, seconds: int
) -> None:
    _, _, of = await lobby_with(harness, harness.learner())
    participant_id, replica_id = UUID(of), new_id()
    values = {"id": participant_id, "replica": replica_id}
    await harness.rows(
        "INSERT INTO presence (participant_id, replica_id, renewed_at, expires_at)"
        " VALUES (:id, :replica, now() - interval '1 minute', now() + make_interval(secs => :seconds))",
        seconds=seconds,
        **values,
    )
    lease = (
        "SELECT expires_at, renewed_at FROM presence"
        " WHERE participant_id = :id AND replica_id = :replica"
    )
    ((expires_at, renewed_at),) = await harness.rows(lease, **values)
    async with harness.database.transaction() as tx:
        await stored.shorten_leases(
            tx, [participant_id], timedelta(seconds=20), replica_id=replica_id
        )
    ((shortened, renewed),) = await harness.rows(lease, **values)
    if seconds < 0:
        assert (shortened, renewed) == (expires_at, renewed_at)
    else:
        assert renewed > renewed_at
        assert shortened == min(expires_at, renewed + timedelta(seconds=20))


@asynccontextmanager
async def locked_session(harness: Harness, session_id: str) -> AsyncIterator[Database]:
    """Lock the session's row, and yield a database whose transactions wait only briefly for a lock."""
    impatient = Database(harness.database_url, limits=TimeLimits(lock=timedelta(milliseconds=50)))
    try:
        async with harness.database.transaction() as tx:
            await tx.fetch(
                "SELECT FROM sessions WHERE session_id = $1 FOR UPDATE", UUID(session_id)
            )
            yield impatient
    finally:
        await impatient.close()


async def test_session_that_cannot_be_changed_does_not_stop_the_presence_in_others(
    harness: Harness,
) -> None:
    joined = [await lobby_with(harness, harness.learner()) for _ in range(7)]
    others = [participant_id for _, _, participant_id in joined[1:]]
    async with locked_session(harness, joined[0][1]) as database:
        presence = Presence(database, new_id(), Lease(length=timedelta(minutes=1)), lambda: 0.0)
        with ExitStack() as streams:
            for _, _, participant_id in joined:
                streams.enter_context(presence.stream(UUID(participant_id)))
            with pytest.raises(ExceptionGroup):
                await presence.run()
        assert [await shown(harness, each) for each in others] == [True] * 6
        assert not await shown(harness, joined[0][2])
    # Delete the leases, so that the next test does not have to wait until they expire.
    ids = [UUID(participant_id) for _, _, participant_id in joined]
    await harness.rows("DELETE FROM presence WHERE participant_id = ANY(:ids)", ids=ids)
