"""Tests of the presence of proctors. A session without a present proctor becomes uncovered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError

from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR, ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import sessions_pb2, supervision_pb2
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database
from proctorium_devstack.testing.waiting import next_response, until
from proctorium_session.operations.coverage import ProctorPresence
from proctorium_session.operations.leases import Lease
from proctorium_session.storage import sessions

from .harness import Harness, Person, end, join, plan, start
from .test_live import RosterWatch, watch_roster
from .test_presence import locked_session

COVERAGE = {"session.uncovered", "session.covered"}
SECOND = timedelta(seconds=1)


async def coverage_events(harness: Harness, session_id: str) -> list[str]:
    return [each for each in await harness.recorded(session_id) if each in COVERAGE]


async def session_with(
    harness: Harness, *proctors: Person, uncovered_after: timedelta = SECOND
) -> str:
    """Return the id of a session with an open lobby."""
    session = await harness.scheduled(plan(proctors, uncovered_after=uncovered_after))
    request = sessions_pb2.OpenLobbyRequest(session_id=session.session_id)
    await harness.administrator().sessions.OpenLobby(request)
    return session.session_id


async def until_events(harness: Harness, session_id: str, *names: str) -> None:
    async def recorded() -> bool:
        return await coverage_events(harness, session_id) == list(names)

    await until(recorded)


async def seen(call: RosterWatch, *present: Person, uncovered: bool = False) -> None:
    """Read the roster until its coverage has exactly these present people and this value of `uncovered`."""
    while True:
        message = await next_response(call)
        session = message.snapshot.session if message.HasField("snapshot") else message.session
        coverage = session.coverage
        ids = {each.id for each in present}
        is_expected = set(coverage.present_person_ids) == ids
        if is_expected and coverage.HasField("uncovered_time") == uncovered:
            return


@asynccontextmanager
async def replica_presence(harness: Harness, **lease: timedelta) -> AsyncIterator[ProctorPresence]:
    """Yield the presence of a replica without a worker. The test calls `run` instead."""
    database = Database(harness.database_url)
    try:
        yield ProctorPresence(database, new_id(), Lease(**lease), asyncio.get_running_loop().time)
    finally:
        await database.close()


async def is_uncovered(harness: Harness, session_id: str) -> bool:
    rows = await harness.rows(
        "SELECT uncovered_at IS NOT NULL FROM sessions WHERE session_id = :id", id=UUID(session_id)
    )
    return bool(rows[0][0])


E = TypeVar(
    "E",
    events_pb2.SessionUncovered,
    events_pb2.SessionCovered,
    events_pb2.SessionTaken,
    events_pb2.SessionHandedOver,
)


async def about(harness: Harness, kind: type[E], session_id: str) -> list[E]:
    """Return the events of the message type `kind` about the session."""
    return [each for each in await harness.events(kind) if each.session_id == session_id]


async def test_session_is_uncovered_without_a_proctor_and_covered_by_one(harness: Harness) -> None:
    async with harness.replica(coverage_every=0.05) as replica:
        proctor = harness.proctor()
        here = replica.person("proctor", person_id=proctor.person_id)
        session_id = await session_with(harness, proctor)
        await until_events(harness, session_id, "session.uncovered")
        roster = watch_roster(here, session_id)
        await seen(roster, here)
        assert await coverage_events(harness, session_id) == [
            "session.uncovered",
            "session.covered",
        ]
        [uncovered] = await about(harness, events_pb2.SessionUncovered, session_id)
        assert uncovered.proctor_ids == [proctor.id]
        absent = uncovered.uncovered_time.ToDatetime() - uncovered.absent_time.ToDatetime()
        assert absent >= SECOND
        [covered] = await about(harness, events_pb2.SessionCovered, session_id)
        assert (covered.covered_by, covered.acting_role) == (proctor.id, ROLE_PROCTOR)
        roster.cancel()
        await until_events(
            harness, session_id, "session.uncovered", "session.covered", "session.uncovered"
        )


async def test_administrator_who_watches_the_roster_covers_the_session(harness: Harness) -> None:
    async with harness.replica(coverage_every=0.05) as replica:
        session_id = await session_with(harness, harness.proctor())
        await until_events(harness, session_id, "session.uncovered")
        administrator = replica.administrator()
        roster = watch_roster(administrator, session_id)
        await seen(roster, administrator)
        [covered] = await about(harness, events_pb2.SessionCovered, session_id)
        assert (covered.covered_by, covered.acting_role) == (administrator.id, ROLE_ADMINISTRATOR)
        roster.cancel()


async def test_administrator_who_takes_part_does_not_cover_the_session(harness: Harness) -> None:
    async with harness.replica(coverage_every=0.05) as replica:
        person = replica.person("administrator", "learner")
        session_id = await session_with(harness, harness.proctor())
        await join(person, session_id)
        roster = watch_roster(person, session_id)
        await seen(roster, uncovered=True)
        roster.cancel()


async def test_presence_is_counted_over_all_replicas(harness: Harness) -> None:
    async with (
        harness.replica(coverage_every=0.05) as first,
        harness.replica(coverage_every=0.05) as second,
    ):
        one, two = harness.proctor(), harness.proctor()
        session_id = await session_with(harness, one, two)
        here = first.person("proctor", person_id=one.person_id)
        there = second.person("proctor", person_id=two.person_id)
        roster, other = watch_roster(here, session_id), watch_roster(there, session_id)
        await seen(roster, one, two)
        await seen(other, one, two)
        roster.cancel()
        await seen(other, two)
        other.cancel()
        await until_events(harness, session_id, "session.uncovered")


async def test_proctor_on_a_killed_replica_is_absent_when_the_lease_expires(
    harness: Harness,
) -> None:
    proctor = harness.proctor()
    session_id = await session_with(harness, proctor)
    async with (
        replica_presence(harness, length=timedelta(milliseconds=500)) as killed,
        replica_presence(harness) as survivor,
    ):
        with killed.stream(UUID(session_id), proctor.person_id):
            await killed.run()

            async def absent() -> bool:  # no replica renews the lease
                await survivor.run()
                return await is_uncovered(harness, session_id)

            assert not await absent()
            await until(absent)
    assert await coverage_events(harness, session_id) == ["session.uncovered"]


async def test_concurrent_replicas_report_an_uncovered_session_once(harness: Harness) -> None:
    session_id = await session_with(harness, harness.proctor())
    async with (
        replica_presence(harness) as first,
        replica_presence(harness) as second,
        replica_presence(harness) as third,
    ):
        replicas = (first, second, third)

        async def uncovered() -> bool:
            await asyncio.gather(*(each.run() for each in replicas))
            return await is_uncovered(harness, session_id)

        await until(uncovered)
        await uncovered()
    assert await coverage_events(harness, session_id) == ["session.uncovered"]


async def test_first_lease_of_a_proctor_does_not_wait_for_a_take_over(harness: Harness) -> None:
    proctor = harness.proctor()
    session_id = UUID(await session_with(harness, proctor))
    database = Database(harness.database_url)
    async with replica_presence(harness) as presence:
        with presence.stream(session_id, proctor.person_id):
            async with database.transaction() as tx:
                session = await sessions.lock_session(tx, session_id)
                assert session is not None
                # If the lease waited for the session's lock, `cover` would wait for the same lease: a deadlock.
                await asyncio.wait_for(presence._leases.store(), 5)
                covered = await presence.cover(tx, session, proctor.person_id)
                # A person who is already present changes nothing.
                assert await presence.cover(tx, covered, proctor.person_id) == covered
    assert covered.coverage.present_ids == (proctor.person_id,)
    await database.close()


async def test_restart_of_the_service_restarts_the_time(harness: Harness) -> None:
    session_id = await session_with(
        harness, harness.proctor(), uncovered_after=timedelta(minutes=1)
    )
    await harness.rows(
        "UPDATE sessions SET absent_at = now() - interval '59 seconds' WHERE session_id = :id",
        id=UUID(session_id),
    )
    async with replica_presence(harness) as restarted, replica_presence(harness) as running:
        await running.run()
        await harness.rows(
            "UPDATE sessions SET absent_at = absent_at - interval '2 seconds' WHERE session_id = :id",
            id=UUID(session_id),
        )
        await restarted.run()
        assert not await is_uncovered(harness, session_id)
        assert running._observing_since is not None
        running._observing_since -= timedelta(minutes=2)
        await running.run()
        assert await is_uncovered(harness, session_id)


async def test_coverage_counts_from_the_lobby_to_the_end(harness: Harness) -> None:
    proctor = harness.proctor()
    later = timedelta(hours=2)
    closed = await harness.scheduled(plan([proctor], starts_in=later))
    session_id = await session_with(harness, running := harness.proctor())
    await start(running, session_id)
    await end(running, session_id)
    async with replica_presence(harness) as presence:
        for each in (closed.session_id, session_id):
            with presence.stream(UUID(each), proctor.person_id):
                await presence.run()
                await presence.run()
            assert not await coverage_events(harness, each)
            rows = await harness.rows(
                "SELECT present_ids, absent_at FROM sessions WHERE session_id = :id", id=UUID(each)
            )
            assert rows == [([], None)]


async def test_end_of_an_uncovered_session_ends_the_uncovered_period(harness: Harness) -> None:
    proctor = harness.proctor()
    session_id = await session_with(harness, proctor)
    async with replica_presence(harness) as presence:

        async def uncovered() -> bool:
            await presence.run()
            return await is_uncovered(harness, session_id)

        await until(uncovered)
        await start(proctor, session_id)
        assert await is_uncovered(harness, session_id)
        await end(proctor, session_id)
        assert not await uncovered()
    assert await coverage_events(harness, session_id) == ["session.uncovered"]


async def test_presence_wakes_rosters_and_no_learner(harness: Harness) -> None:
    learner, proctor = harness.learner(), harness.proctor()
    session_id = await session_with(harness, proctor)
    await join(learner, session_id)
    before = await harness.rows(
        "SELECT session_revision FROM sessions WHERE session_id = :id", id=UUID(session_id)
    )
    roster = watch_roster(proctor, session_id)
    async with replica_presence(harness) as presence:
        with presence.stream(UUID(session_id), proctor.person_id):
            await presence.run()
            await seen(roster, proctor)
    after = await harness.rows(
        "SELECT session_revision FROM sessions WHERE session_id = :id", id=UUID(session_id)
    )
    assert after == before
    roster.cancel()


async def test_learners_do_not_see_who_is_present(harness: Harness) -> None:
    learner, proctor = harness.learner(), harness.proctor()
    session_id = await session_with(harness, proctor)
    joined = await join(learner, session_id)
    assert not joined.session.HasField("coverage")
    request = sessions_pb2.GetSessionRequest(session_id=session_id)
    assert not (await learner.sessions.GetSession(request)).session.HasField("coverage")
    assert (await proctor.sessions.GetSession(request)).session.HasField("coverage")
    [listed] = (await learner.sessions.ListSessions(sessions_pb2.ListSessionsRequest())).sessions
    assert not listed.HasField("coverage")


async def test_plan_has_the_configured_time_unless_it_states_another(harness: Harness) -> None:
    async with harness.replica(uncovered_after=timedelta(seconds=45)) as replica:
        default = await replica.scheduled(plan([harness.proctor()]))
        assert default.plan.uncovered_after.ToTimedelta() == timedelta(seconds=45)
    stated = await harness.scheduled(plan([harness.proctor()], uncovered_after=3 * SECOND))
    assert stated.plan.uncovered_after.ToTimedelta() == 3 * SECOND


@pytest.mark.parametrize("seconds", [0, -1, 601])
async def test_time_out_of_range_is_refused(harness: Harness, seconds: int) -> None:
    request = sessions_pb2.ScheduleSessionRequest(
        plan=plan([harness.proctor()], uncovered_after=timedelta(seconds=seconds))
    )
    error = await harness.refused(harness.administrator().sessions.ScheduleSession, request)
    assert error.violations[0].field == "plan.uncovered_after"


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("present_ids = ARRAY[session_id], absent_at = now()", "ck_sessions_absent"),
        ("uncovered_at = now(), absent_at = NULL", "ck_sessions_uncovered"),
        ("uncovered_after = interval '0.5 seconds'", "ck_sessions_uncovered_after"),
    ],
)
async def test_database_refuses_an_impossible_coverage(
    harness: Harness, change: str, constraint: str
) -> None:
    session_id = await session_with(harness, harness.proctor())
    with pytest.raises(IntegrityError, match=constraint):
        await harness.rows(
            f"UPDATE sessions SET {change} WHERE session_id = :id", id=UUID(session_id)
        )


async def test_database_refuses_the_coverage_of_a_session_with_a_closed_lobby(
    harness: Harness,
) -> None:
    session = await harness.scheduled(plan([harness.proctor()], starts_in=timedelta(hours=2)))
    with pytest.raises(IntegrityError, match="ck_sessions_coverage"):
        await harness.rows(
            "UPDATE sessions SET absent_at = now() WHERE session_id = :id",
            id=UUID(session.session_id),
        )


async def test_list_of_uncovered_sessions(harness: Harness) -> None:
    proctor, colleague = harness.proctor(), await harness.certified()
    ids = [await session_with(harness, harness.proctor()) for _ in range(3)]
    own = await session_with(harness, harness.proctor())
    await harness.rows(
        "UPDATE sessions SET absent_at = now(), uncovered_at = now() - interval '1 day'"
        " WHERE session_id = ANY(:ids)",
        ids=[UUID(each) for each in (*ids, own)],
    )
    learner = harness.person("learner", "proctor", person_id=colleague.person_id)
    await join(learner, own)
    request = supervision_pb2.ListUncoveredSessionsRequest(page_size=2)
    listed: list[supervision_pb2.UncoveredSession] = []
    while True:
        answer = await colleague.supervision.ListUncoveredSessions(request)
        listed += answer.sessions
        request.page_token = answer.next_page_token
        if not request.page_token:
            break
    assert [each.session_id for each in listed][:3] == sorted(ids)
    assert own not in {each.session_id for each in listed}
    assert listed[0].title == "Fire safety, supervised"
    error = await harness.refused(
        proctor.supervision.ListUncoveredSessions, supervision_pb2.ListUncoveredSessionsRequest()
    )
    assert error.reason == "CERTIFICATION_ENDED"
    error = await harness.refused(
        colleague.supervision.ListUncoveredSessions,
        supervision_pb2.ListUncoveredSessionsRequest(page_token="of another list"),
    )
    assert error.reason == "INVALID_PAGE_TOKEN"


async def test_session_that_cannot_be_changed_does_not_stop_the_coverage_of_others(
    harness: Harness,
) -> None:
    locked, other = [await session_with(harness, harness.proctor()) for _ in range(2)]
    async with locked_session(harness, locked) as database:
        presence = ProctorPresence(database, new_id(), Lease(), lambda: 0.0)
        with pytest.raises(ExceptionGroup):
            await presence.run()
    rows = await harness.rows(
        "SELECT session_id FROM sessions WHERE session_id = ANY(:ids) AND absent_at IS NOT NULL",
        ids=[UUID(locked), UUID(other)],
    )
    assert rows == [(UUID(other),)]
