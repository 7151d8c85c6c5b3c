"""Tests of outages of learners: periods in which no device of a learner in the session is connected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.assessment.events.v1.events_pb2 import AttemptTimeChanged
from proctorium.session.events.v1.events_pb2 import (
    ParticipantConnected,
    ParticipantDisconnected,
    ParticipantEndUndone,
    ParticipantReadmitted,
    SessionReopened,
)
from proctorium.session.v1 import lobby_pb2
from proctorium.session.v1.sessions_pb2 import ReopenSessionRequest
from proctorium.session.v1.supervision_pb2 import (
    EndForParticipantsRequest,
    ReadmitParticipantsRequest,
    RemoveParticipantsRequest,
    UndoEndForParticipantsRequest,
)
from proctorium_common.ids import new_id
from proctorium_devstack.testing.waiting import next_response, until
from proctorium_session.operations.leases import Lease
from proctorium_session.operations.presence import Presence

from .harness import Harness, Person, end, join, plan, roster, start
from .test_live import Watch, connected, watch

LIMIT = timedelta(minutes=5)


async def in_session(
    harness: Harness,
    learner: Person,
    returned_limit: timedelta = LIMIT,
    reopen_window: timedelta = timedelta(),
) -> tuple[Person, str, str]:
    """Return the proctor, the session and the participant of a learner in a started session."""
    proctor = harness.proctor()
    planned = plan([proctor], returned_limit=returned_limit, reopen_window=reopen_window)
    session = await harness.scheduled(planned)
    participant = (await join(learner, session.session_id)).participant
    await start(proctor, session.session_id)
    return proctor, session.session_id, participant.participant_id


async def outages(harness: Harness, participant_id: str) -> list[tuple[object, ...]]:
    rows = await harness.rows(
        "SELECT outage_id, started_at, ended_at FROM outages WHERE participant_id = :id"
        " ORDER BY started_at",
        id=UUID(participant_id),
    )
    return [tuple(row) for row in rows]


async def is_open(harness: Harness, participant_id: str) -> bool:
    found = await outages(harness, participant_id)
    return bool(found) and found[-1][2] is None


async def events_of(
    harness: Harness, session_id: str, message: type[ParticipantConnected | ParticipantDisconnected]
) -> list[ParticipantConnected | ParticipantDisconnected]:
    action = "connected" if message is ParticipantConnected else "disconnected"
    rows = await harness.rows(
        "SELECT body FROM session_record WHERE session_id = :id AND event = :event ORDER BY number",
        id=UUID(session_id),
        event=f"participant.{action}",
    )
    return [message.FromString(bytes(row[0])) for row in rows]


@asynccontextmanager
async def disconnected(
    harness: Harness, learner: Person, session_id: str, participant_id: str
) -> AsyncIterator[None]:
    """Connect the learner once and run the block during the outage that follows."""
    call = watch(learner, session_id)
    await connected(call)
    call.cancel()
    await until(lambda: is_open(harness, participant_id))
    yield


async def test_outage_starts_at_the_last_renewed_lease_and_ends_at_the_connection(
    harness: Harness,
) -> None:
    learner = harness.learner()
    _, session_id, participant_id = await in_session(harness, learner)
    async with disconnected(harness, learner, session_id, participant_id):
        (renewed,) = await harness.rows(
            "SELECT renewed_at FROM presence WHERE participant_id = :id", id=UUID(participant_id)
        )
        call = watch(learner, session_id)
        await connected(call)
    ((outage_id, started_at, ended_at),) = await outages(harness, participant_id)
    assert started_at == renewed[0]
    (lost,) = await events_of(harness, session_id, ParticipantDisconnected)
    _, returned = await events_of(harness, session_id, ParticipantConnected)
    assert isinstance(lost, ParticipantDisconnected)
    assert isinstance(returned, ParticipantConnected)
    assert (lost.outage_id, returned.outage_id) == (str(outage_id), str(outage_id))
    assert lost.outage_start_time.ToDatetime(tzinfo=UTC) == started_at
    assert returned.outage_end_time.ToDatetime(tzinfo=UTC) == ended_at
    assert lost.returned_limit.ToTimedelta() == LIMIT
    call.cancel()


async def test_learner_and_proctor_see_the_newest_outage(harness: Harness) -> None:
    learner = harness.learner()
    proctor, session_id, participant_id = await in_session(harness, learner)
    async with disconnected(harness, learner, session_id, participant_id):
        (seen,) = (await roster(proctor, session_id)).participants
        assert seen.latest_outage.HasField("start_time")
        assert not seen.latest_outage.HasField("end_time")
        call = watch(learner, session_id)
        view = await connected(call)
    own = view.participant.latest_outage
    assert own.end_time.ToDatetime() > own.start_time.ToDatetime()
    plan_of = (await roster(proctor, session_id)).session.plan
    assert plan_of.disconnect_policy.returned_limit.ToTimedelta() == LIMIT
    call.cancel()


async def test_clock_runs_without_a_policy_but_the_outage_is_stored(harness: Harness) -> None:
    learner = harness.learner()
    _, session_id, participant_id = await in_session(harness, learner, timedelta())
    async with disconnected(harness, learner, session_id, participant_id):
        pass
    (lost,) = await events_of(harness, session_id, ParticipantDisconnected)
    assert isinstance(lost, ParticipantDisconnected)
    assert lost.outage_id
    assert not lost.HasField("returned_limit")


async def test_learner_who_waits_in_the_lobby_has_no_outage(harness: Harness) -> None:
    learner = harness.learner()
    session = await harness.scheduled(plan([harness.proctor()], returned_limit=LIMIT))
    participant = (await join(learner, session.session_id)).participant
    call = watch(learner, session.session_id)
    await connected(call)
    call.cancel()

    async def is_recorded() -> bool:
        return "participant.disconnected" in await harness.recorded(session.session_id)

    await until(is_recorded)
    assert await outages(harness, participant.participant_id) == []


async def leave(harness: Harness, call: Watch, participant_id: str) -> None:
    """Close the stream of a learner, and wait until the learner has no valid lease."""
    call.cancel()
    await until(lambda: is_away(harness, participant_id))


async def is_away(harness: Harness, participant_id: str) -> bool:
    """Return whether the learner has no valid lease."""
    return not await harness.rows(
        "SELECT 1 FROM presence WHERE participant_id = :id AND expires_at > now()",
        id=UUID(participant_id),
    )


async def end_and_reopen(harness: Harness, proctor: Person, session_id: str) -> None:
    await end(proctor, session_id)
    await reopen(harness, session_id)


async def reopen(harness: Harness, session_id: str) -> None:
    request = ReopenSessionRequest(session_id=session_id)
    await harness.administrator().sessions.ReopenSession(request)


async def continue_session(harness: Harness, action: str, session_id: str, of: str) -> None:
    """Reopen the session, or undo the removal or the end of the participant `of`."""
    administrator = harness.administrator()
    match action:
        case "reopening":
            await reopen(harness, session_id)
        case "undone end":
            await administrator.supervision.UndoEndForParticipants(
                UndoEndForParticipantsRequest(session_id=session_id, participant_ids=[of])
            )
        case "readmission":
            await administrator.supervision.ReadmitParticipants(
                ReadmitParticipantsRequest(session_id=session_id, participant_ids=[of])
            )


async def stop_session(harness: Harness, action: str, session_id: str, of: str) -> None:
    """End the session, end it for the participant `of`, or remove this participant."""
    administrator = harness.administrator()
    match action:
        case "reopening":
            await end(administrator, session_id)
        case "undone end":
            await administrator.supervision.EndForParticipants(
                EndForParticipantsRequest(
                    session_id=session_id, participant_ids=[of], end_reason="Ill"
                )
            )
        case "readmission":
            await administrator.supervision.RemoveParticipants(
                RemoveParticipantsRequest(
                    session_id=session_id, participant_ids=[of], removal_reason="Phone"
                )
            )


@pytest.mark.parametrize(
    ("action", "message", "time_field"),
    [
        ("reopening", SessionReopened, "reopen_time"),
        ("undone end", ParticipantEndUndone, "undo_time"),
        ("readmission", ParticipantReadmitted, "readmission_time"),
    ],
    ids=["reopening", "undone end", "readmission"],
)
async def test_outage_of_a_learner_who_is_away_starts_when_the_session_continues(
    harness: Harness, action: str, message: type[Any], time_field: str
) -> None:
    learner = harness.learner()
    _, session_id, participant_id = await in_session(harness, learner, reopen_window=LIMIT)
    call = watch(learner, session_id)
    await connected(call)
    await stop_session(harness, action, session_id, participant_id)
    await leave(harness, call, participant_id)
    await harness.leases_are_stored()
    await continue_session(harness, action, session_id, participant_id)
    await until(lambda: is_open(harness, participant_id))

    published = await harness.events(message)
    (continued,) = (each for each in published if each.session_id == session_id)
    ((outage_id, started_at, _),) = await outages(harness, participant_id)
    assert started_at == getattr(continued, time_field).ToDatetime(tzinfo=UTC)
    lost = (await events_of(harness, session_id, ParticipantDisconnected))[-1]
    assert isinstance(lost, ParticipantDisconnected)
    assert lost.outage_id == str(outage_id)
    assert lost.outage_start_time.ToDatetime(tzinfo=UTC) == started_at
    assert lost.returned_limit.ToTimedelta() == LIMIT
    call = watch(learner, session_id)
    await connected(call)
    assert not await is_open(harness, participant_id)
    call.cancel()


async def test_learner_who_is_there_at_the_reopening_has_no_outage(harness: Harness) -> None:
    learner = harness.learner()
    proctor, session_id, participant_id = await in_session(harness, learner, reopen_window=LIMIT)
    call = watch(learner, session_id)
    await connected(call)
    await end_and_reopen(harness, proctor, session_id)
    await harness.leases_are_stored()
    assert await outages(harness, participant_id) == []
    assert "participant.disconnected" not in await harness.recorded(session_id)
    (shown,) = (await roster(proctor, session_id)).participants
    assert shown.connected
    call.cancel()


async def test_open_outage_continues_after_a_reopening(harness: Harness) -> None:
    learner = harness.learner()
    proctor, session_id, participant_id = await in_session(harness, learner)
    async with disconnected(harness, learner, session_id, participant_id):
        await end_and_reopen(harness, proctor, session_id)
        await harness.leases_are_stored()
        ((before, _, ended_at),) = await outages(harness, participant_id)
        assert ended_at is None
        call = watch(learner, session_id)
        await connected(call)
    ((after, _, ended_at),) = await outages(harness, participant_id)
    assert after == before
    assert ended_at is not None
    call.cancel()


async def test_database_refuses_an_outage_before_the_session_continued(harness: Harness) -> None:
    learner = harness.learner()
    proctor, session_id, participant_id = await in_session(harness, learner)
    await end_and_reopen(harness, proctor, session_id)
    await until(lambda: is_open(harness, participant_id))
    await harness.rows(
        "UPDATE outages SET ended_at = started_at WHERE participant_id = :id",
        id=UUID(participant_id),
    )
    insert = (
        "INSERT INTO outages SELECT gen_random_uuid(), session_id, participant_id,"
        " continued_at + make_interval(secs => :seconds) FROM participants WHERE participant_id = :id"
    )
    with pytest.raises(DBAPIError, match="only a disconnected participant"):
        await harness.rows(insert, seconds=-0.001, id=UUID(participant_id))
    await harness.rows(insert, seconds=0, id=UUID(participant_id))


async def expired_replica(harness: Harness, participant_id: str) -> UUID:
    """Store the lease of a replica that stops at once, wait until the lease expires, and return the replica's id."""
    replica_id = new_id()
    lease = Lease(length=timedelta(milliseconds=300))
    stopped = Presence(harness.database, replica_id, lease, lambda: 0.0)
    with stopped.stream(UUID(participant_id)):
        await stopped.run()
        await until(lambda: is_away(harness, participant_id))
    return replica_id


async def test_restart_of_the_service_is_no_outage(harness: Harness) -> None:
    learner = harness.learner()
    _, session_id, participant_id = await in_session(harness, learner)
    await expired_replica(harness, participant_id)
    call = watch(learner, session_id)
    await next_response(call)

    async def is_renewed() -> bool:
        return bool(
            await harness.rows(
                "SELECT 1 FROM presence WHERE participant_id = :id AND expires_at > now()",
                id=UUID(participant_id),
            )
        )

    await until(is_renewed)
    assert await outages(harness, participant_id) == []
    assert "participant.disconnected" not in await harness.recorded(session_id)
    call.cancel()


async def test_learner_who_does_not_return_after_a_restart_is_lost_after_the_time_for_reconnecting(
    harness: Harness,
) -> None:
    learner = harness.learner()
    _, _, participant_id = await in_session(harness, learner)
    replica_id = await expired_replica(harness, participant_id)
    await until(lambda: is_open(harness, participant_id))
    ((seen_at,),) = await harness.rows(
        "SELECT seen_at FROM presence_replicas WHERE replica_id = :id", id=replica_id
    )
    ((_, started_at, _),) = await outages(harness, participant_id)
    assert started_at >= seen_at + harness.service.settings.presence_reconnect


async def test_learner_who_leaves_while_the_service_is_away_is_lost_after_the_time_for_reconnecting(
    harness: Harness,
) -> None:
    learner = harness.learner()
    _, _, participant_id = await in_session(harness, learner)
    replica_id = new_id()
    lease = Lease(length=timedelta(milliseconds=300))
    presence = Presence(harness.database, replica_id, lease, lambda: 0.0)
    with presence.stream(UUID(participant_id)):
        await presence.run()
        await until(lambda: is_away(harness, participant_id))
    # The same replica runs again, and the stream was closed in the meantime.
    await presence.run()
    ((since,),) = await harness.rows(
        "SELECT since FROM presence_replicas WHERE replica_id = :id", id=replica_id
    )

    async def is_lost() -> bool:
        await presence.run()
        return await is_open(harness, participant_id)

    await until(is_lost)
    ((_, started_at, _),) = await outages(harness, participant_id)
    assert started_at >= since + harness.service.settings.presence_reconnect


async def test_replica_that_stops_does_not_end_the_presence_of_its_learners(
    harness: Harness,
) -> None:
    learner = harness.learner()
    _, _, participant_id = await in_session(harness, learner)
    draining = False
    lease = Lease(length=timedelta(minutes=1), linger=timedelta())
    stopping = Presence(
        harness.database, new_id(), lease, lambda: 0.0, is_draining=lambda: draining
    )
    with stopping.stream(UUID(participant_id)):
        await stopping.run()
        draining = True
    await stopping.run()
    assert await harness.rows(
        "SELECT 1 FROM presence WHERE participant_id = :id AND expires_at > now()",
        id=UUID(participant_id),
    )
    # Delete the lease, so that the next test does not have to wait until the lease expires.
    await harness.rows("DELETE FROM presence WHERE participant_id = :id", id=UUID(participant_id))


async def test_removed_learner_has_no_outage(harness: Harness) -> None:
    learner = harness.learner()
    proctor, session_id, participant_id = await in_session(harness, learner)
    call = watch(learner, session_id)
    await connected(call)
    await proctor.supervision.RemoveParticipants(
        RemoveParticipantsRequest(
            session_id=session_id, participant_ids=[participant_id], removal_reason="Phone"
        )
    )
    call.cancel()

    async def is_recorded() -> bool:
        return "participant.disconnected" in await harness.recorded(session_id)

    await until(is_recorded)
    assert await outages(harness, participant_id) == []


async def test_database_refuses_changes_of_outages(harness: Harness) -> None:
    learner = harness.learner()
    _, session_id, participant_id = await in_session(harness, learner)
    async with disconnected(harness, learner, session_id, participant_id):
        for statement in (
            "UPDATE outages SET started_at = started_at - interval '1 minute'",
            "DELETE FROM outages",
            "INSERT INTO outages SELECT gen_random_uuid(), session_id, participant_id, started_at FROM outages",
            "UPDATE outages SET ended_at = started_at - interval '1 second'",
        ):
            with pytest.raises(DBAPIError):
                await harness.rows(statement)


async def test_given_back_time_is_shown_for_each_attempt(harness: Harness) -> None:
    learner = harness.learner()
    proctor, session_id, participant_id = await in_session(harness, learner)
    (shown,) = (await roster(proctor, session_id)).participants
    changed = AttemptTimeChanged(
        attempt_id=str(new_id()),
        session_id=session_id,
        participant_id=participant_id,
        assessment_id=shown.assessments[0].assessment_id,
    )
    changed.returned_time.FromTimedelta(timedelta(seconds=90))
    await harness.deliver(changed)
    (shown,) = (await roster(proctor, session_id)).participants
    assert shown.assessments[0].returned_time.ToTimedelta() == timedelta(seconds=90)
    await end(proctor, session_id)
    assert shown.state == lobby_pb2.PARTICIPANT_STATE_IN_SESSION
