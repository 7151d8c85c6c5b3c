"""Tests of breaks: requests, decisions, starts, returns and overruns."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.options.v1.options_pb2 import ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import breaks_pb2 as pb
from proctorium.session.v1 import lobby_pb2, supervision_pb2
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import next_response, until

from .breaks import (
    MINUTE,
    SECOND,
    begin,
    cancel,
    come_back,
    decide,
    grant_of,
    listed,
    policy,
    refusal_of,
    request,
    shown,
    started,
)
from .harness import Harness, end, join, plan, start
from .test_conversations import in_progress
from .test_hands import event_body


async def test_break_is_requested_granted_started_and_over(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    requested = await request(scene.learner, scene)
    assert requested.state == pb.BREAK_STATE_REQUESTED
    assert await listed(scene.proctor, scene, open_only=True) == [requested]
    granted = await decide(scene.proctor, grant_of(requested))
    event = events_pb2.BreakGranted.FromString(await event_body(harness))
    assert (event.granted_by, event.acting_role) == (scene.proctor.id, ROLE_PROCTOR)
    assert (granted.state, granted.length.ToTimedelta()) == (pb.BREAK_STATE_GRANTED, 5 * MINUTE)
    assert (await shown(scene)).state == lobby_pb2.PARTICIPANT_STATE_IN_SESSION

    on_break = await begin(scene.learner, granted)
    event_started = events_pb2.BreakStarted.FromString(await event_body(harness))
    assert event_started.clock_stops
    assert event_started.length.ToTimedelta() == 5 * MINUTE
    assert event_started.start_time == on_break.start_time
    view = await shown(scene)
    assert (view.state, view.latest_break) == (lobby_pb2.PARTICIPANT_STATE_ON_BREAK, on_break)
    assert view.break_allowance.remaining_count == 1
    assert view.break_allowance.remaining_time.ToTimedelta() == 15 * MINUTE

    over = await come_back(scene.learner, on_break)
    assert over.state == pb.BREAK_STATE_RETURNED
    returned = events_pb2.BreakReturned.FromString(await event_body(harness))
    assert (returned.person_id, returned.return_time) == (scene.learner.id, over.close_time)
    view = await shown(scene)
    assert view.state == lobby_pb2.PARTICIPANT_STATE_IN_SESSION
    # Only the time until the return is used up.
    assert view.break_allowance.remaining_time.ToTimedelta() > 19 * MINUTE
    assert await listed(scene.proctor, scene) == [over]
    assert await listed(scene.proctor, scene, open_only=True) == []
    names = ["break.requested", "break.granted", "break.started", "break.returned"]
    assert (await harness.recorded(scene.session_id))[-4:] == names


async def test_open_only_lists_requested_granted_and_started_breaks(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    refused = await decide(scene.proctor, refusal_of(await request(scene.learner, scene)))
    cancelled = await cancel(scene.learner, await request(scene.learner, scene))
    returned = await come_back(scene.learner, await started(scene))
    other = await request(scene.other, scene)
    current = await request(scene.learner, scene)
    assert await listed(scene.proctor, scene, open_only=True) == [other, current]
    current = await decide(scene.proctor, grant_of(current))
    assert await listed(scene.proctor, scene, open_only=True) == [other, current]
    current = await begin(scene.learner, current)
    assert await listed(scene.proctor, scene, open_only=True) == [other, current]
    every_break = [refused, cancelled, returned, other, current]
    assert await listed(scene.proctor, scene) == every_break


async def test_refused_break_shows_the_reason_and_can_be_requested_again(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    refused = await decide(scene.proctor, refusal_of(await request(scene.learner, scene)))
    assert refused.state == pb.BREAK_STATE_REFUSED
    assert refused.refusal_reason == "Only ten minutes are left."
    assert b"ten minutes" not in await event_body(harness)
    call = scene.learner.lobby.WatchSession(
        lobby_pb2.WatchSessionRequest(session_id=scene.session_id)
    )
    assert (await next_response(call)).participant.latest_break == refused
    call.cancel()
    assert (await shown(scene)).break_allowance.remaining_count == 2
    await request(scene.learner, scene)


async def test_break_reaches_the_open_streams(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    call = scene.learner.lobby.WatchSession(
        lobby_pb2.WatchSessionRequest(session_id=scene.session_id)
    )
    watch = scene.proctor.supervision.WatchRoster(
        supervision_pb2.WatchRosterRequest(session_id=scene.session_id)
    )
    await next_response(call)
    await next_response(watch)
    requested = await request(scene.learner, scene)
    while (await next_response(watch)).participant.latest_break != requested:
        pass
    granted = await decide(scene.proctor, grant_of(requested))
    while (await next_response(call)).participant.latest_break != granted:
        pass
    call.cancel()
    watch.cancel()


async def test_break_is_cancelled_before_its_start_and_not_used_up(harness: Harness) -> None:
    scene = await in_progress(harness, policy(1))
    assert (await cancel(scene.learner, await request(scene.learner, scene))).state == (
        pb.BREAK_STATE_CANCELLED
    )
    granted = await decide(scene.proctor, grant_of(await request(scene.learner, scene)))
    assert (await shown(scene)).break_allowance.remaining_count == 0
    await cancel(scene.learner, granted)
    assert (await shown(scene)).break_allowance.remaining_count == 1
    on_break = await started(scene)
    refused = await refusal(cancel(scene.learner, on_break))
    assert refused.reason == "INVALID_STATE_TRANSITION"


async def test_overrun_is_recorded_once_and_changes_nothing_else(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    on_break = await started(scene, SECOND)

    async def is_overrun() -> bool:
        return (await shown(scene)).latest_break.HasField("overrun_time")

    async with harness.replica():
        await until(is_overrun)
        await asyncio.sleep(0.3)
    assert (await harness.recorded(scene.session_id)).count("break.overrun") == 1
    view = await shown(scene)
    assert view.state == lobby_pb2.PARTICIPANT_STATE_ON_BREAK
    over = await come_back(scene.learner, on_break)
    assert over.HasField("overrun_time")
    left = (await shown(scene)).break_allowance
    assert left.remaining_time.ToTimedelta() == 20 * MINUTE - SECOND


async def test_break_without_an_overrun_records_none(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    on_break = await started(scene, SECOND)
    await come_back(scene.learner, on_break)
    await asyncio.sleep(1.3)
    assert "break.overrun" not in await harness.recorded(scene.session_id)


async def test_repeated_calls_change_nothing(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    request_id = str(new_id())
    requested = await request(scene.learner, scene, request_id)
    assert await request(scene.learner, scene, request_id) == requested
    granted = await decide(scene.proctor, grant_of(requested))
    before = await harness.state()
    # The second proctor receives the decision of the first one.
    other = await decide(harness.administrator(), grant_of(requested, 10 * MINUTE))
    assert other == granted
    assert await harness.state() == before
    on_break = await begin(scene.learner, granted)
    assert await begin(scene.learner, granted) == on_break
    over = await come_back(scene.learner, on_break)
    before = await harness.state()
    assert await come_back(scene.learner, on_break) == over
    assert await harness.state() == before


async def test_invalid_transitions_are_refused(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    requested = await request(scene.learner, scene)
    for call in (begin(scene.learner, requested), come_back(scene.learner, requested)):
        assert (await refusal(call)).reason == "INVALID_STATE_TRANSITION"
    refused = await decide(scene.proctor, refusal_of(requested))
    for call in (begin(scene.learner, refused), decide(scene.proctor, grant_of(refused))):
        error = await refusal(call)
        assert error.reason == "INVALID_STATE_TRANSITION"
        assert "already refused" in error.message
    assert await listed(scene.proctor, scene) == [refused]


async def test_second_break_while_one_is_open_is_refused(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    made = pb.RequestBreakRequest(session_id=scene.session_id)
    await request(scene.learner, scene)
    refused = await harness.refused(scene.learner.breaks.RequestBreak, made)
    assert refused.reason == "BREAK_ALREADY_OPEN"


async def test_waiting_and_removed_learners_cannot_request_a_break(harness: Harness) -> None:
    learner, proctor = harness.learner(), harness.proctor()
    waiting = await harness.scheduled(plan([proctor], breaks=policy()))
    await join(learner, waiting.session_id)
    made = pb.RequestBreakRequest(session_id=waiting.session_id)
    refused = await harness.refused(learner.breaks.RequestBreak, made)
    assert refused.reason == "PARTICIPANT_NOT_IN_SESSION"
    stranger = await harness.refused(harness.learner().breaks.RequestBreak, made)
    assert stranger.kind is Kind.NOT_FOUND


async def test_break_cannot_be_requested_while_the_session_is_closing(harness: Harness) -> None:
    learner, proctor = harness.learner(), harness.proctor()
    session = await harness.scheduled(
        plan([proctor], breaks=policy(), closing_countdown=10 * MINUTE)
    )
    await join(learner, session.session_id)
    await start(proctor, session.session_id)
    await end(proctor, session.session_id)
    made = pb.RequestBreakRequest(session_id=session.session_id)
    refused = await harness.refused(learner.breaks.RequestBreak, made)
    assert refused.reason == "SESSION_CLOSING"


async def test_learner_who_requests_breaks_too_often_has_to_wait(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    for _ in range(5):
        await cancel(scene.learner, await request(scene.learner, scene))
    refused = await refusal(request(scene.learner, scene))
    assert (refused.kind, refused.reason) == (Kind.EXHAUSTED, "TOO_MANY_BREAK_REQUESTS")


async def test_breaks_are_closed_when_the_session_is_over_for_a_learner(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    await started(scene)
    await request(scene.other, scene)
    removal = supervision_pb2.RemoveParticipantsRequest(
        session_id=scene.session_id, participant_ids=[scene.participant_id], removal_reason="Ill"
    )
    await scene.proctor.supervision.RemoveParticipants(removal)
    assert (await shown(scene)).latest_break.state == pb.BREAK_STATE_RETURNED
    await end(scene.proctor, scene.session_id)
    states = {each.state for each in await listed(scene.proctor, scene)}
    assert states == {pb.BREAK_STATE_RETURNED, pb.BREAK_STATE_CANCELLED}
    rows = await harness.rows(
        "SELECT event, actor FROM session_record WHERE session_id = :id"
        " AND event IN ('break.returned', 'break.cancelled') ORDER BY number",
        id=UUID(scene.session_id),
    )
    assert [tuple(row) for row in rows] == [
        ("break.returned", "session"),
        ("break.cancelled", "session"),
    ]


async def test_pause_during_a_break_is_shown_and_the_learner_can_return(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    on_break = await started(scene)
    pause = supervision_pb2.PauseParticipantsRequest(
        session_id=scene.session_id, pause_reason="Fire alarm"
    )
    await scene.proctor.supervision.PauseParticipants(pause)
    assert (await shown(scene)).state == lobby_pb2.PARTICIPANT_STATE_PAUSED
    await come_back(scene.learner, on_break)
    assert (await shown(scene)).state == lobby_pb2.PARTICIPANT_STATE_PAUSED


async def test_break_of_others_looks_as_if_it_did_not_exist(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    requested = await request(scene.learner, scene)
    unknown = pb.Break(break_id=str(new_id()))
    for call in (begin, come_back, cancel):
        errors = [await refusal(call(scene.other, each)) for each in (requested, unknown)]
        assert {each.kind for each in errors} == {Kind.NOT_FOUND}
        assert errors[0].message == errors[1].message
    stranger = harness.proctor()
    errors = [await refusal(decide(stranger, grant_of(each))) for each in (requested, unknown)]
    assert {each.reason for each in errors} == {"NOT_YOUR_SESSION"}
    assert (await refusal(listed(stranger, scene))).reason == "NOT_YOUR_SESSION"
    assert (await refusal(decide(scene.learner, grant_of(requested)))).reason == "NOT_ALLOWED"
    missing = await refusal(decide(harness.administrator(), grant_of(unknown)))
    assert missing.kind is Kind.NOT_FOUND


async def test_administrator_cannot_decide_about_their_own_break(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    both = harness.person("learner", "administrator", person_id=scene.learner.person_id)
    own = await request(both, scene)
    assert (await refusal(decide(both, grant_of(own)))).reason == "NOT_YOUR_SESSION"


async def test_database_refuses_invalid_breaks(harness: Harness) -> None:
    scene, elsewhere = await in_progress(harness, policy()), await in_progress(harness)
    requested = await request(scene.learner, scene)
    copied = (
        "INSERT INTO breaks (break_id, session_id, participant_id, state, requested_at)"
        " SELECT gen_random_uuid(), session_id, {participant}, {state}, requested_at"
        " FROM breaks WHERE break_id = :id"
    )
    for participant, state in (
        ("participant_id", "'requested'"),
        (f"'{scene.other_participant_id}'", "'granted'"),
        (f"'{elsewhere.participant_id}'", "'requested'"),
    ):
        statement = copied.format(participant=participant, state=state)
        with pytest.raises(DBAPIError):
            await harness.rows(statement, id=UUID(requested.break_id))
    for changes in (
        "state = 'started', length = '5 minutes', started_at = now()",
        "state = 'granted', length = '11 minutes'",
        "state = 'granted'",
        "state = 'refused', closed_at = now()",
        "participant_id = gen_random_uuid()",
    ):
        with pytest.raises(DBAPIError):
            await harness.rows(
                f"UPDATE breaks SET {changes} WHERE break_id = :id", id=UUID(requested.break_id)
            )
    granted = await decide(scene.proctor, grant_of(requested))
    await come_back(scene.learner, await begin(scene.learner, granted))
    for changes in (
        "state = 'started', closed_at = NULL",
        "length = '1 minute'",
        "overrun_at = now() + interval '1 hour'",
    ):
        with pytest.raises(DBAPIError, match="cannot change"):
            await harness.rows(
                f"UPDATE breaks SET {changes} WHERE break_id = :id", id=UUID(requested.break_id)
            )
