"""Tests that commands on one replica are shown by the streams of another replica."""

from __future__ import annotations

from datetime import timedelta

from proctorium.session.v1 import lobby_pb2
from proctorium.session.v1 import supervision_pb2 as pb
from proctorium_devstack.testing.waiting import next_response

from .breaks import decide, grant_of, policy, request
from .harness import Harness
from .test_conversations import in_progress
from .test_hands import answer, raise_hand
from .test_live import connected, seen_as, watch, watch_roster
from .test_proctors import take

REASON = "The fire alarm rang."


async def test_learner_sees_the_commands_of_another_replica(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    supervision = scene.proctor.supervision
    async with harness.replica() as other:
        there = other.person("learner", person_id=scene.learner.person_id)
        call = watch(there, scene.session_id)
        await connected(call)
        await supervision.PauseParticipants(
            pb.PauseParticipantsRequest(session_id=scene.session_id, pause_reason=REASON)
        )
        view = await seen_as(call, lobby_pb2.PARTICIPANT_STATE_PAUSED)
        assert view.session.pause.pause_reason == REASON
        await supervision.ResumeParticipants(
            pb.ResumeParticipantsRequest(session_id=scene.session_id)
        )
        await seen_as(call, lobby_pb2.PARTICIPANT_STATE_IN_SESSION)

        granting = pb.GrantExtraTimeRequest(session_id=scene.session_id, extra_time_reason=REASON)
        granting.amount.FromTimedelta(timedelta(minutes=5))
        await supervision.GrantExtraTime(granting)
        while (await next_response(call)).participant.extra_time.seconds != 300:
            pass

        granted = await decide(scene.proctor, grant_of(await request(scene.learner, scene)))
        while (await next_response(call)).participant.latest_break != granted:
            pass

        hand = await raise_hand(scene.learner, scene)
        while (await next_response(call)).participant.hand != hand:
            pass
        await answer(scene.proctor, hand)
        while (await next_response(call)).participant.HasField("hand"):
            pass
        call.cancel()


async def test_proctor_sees_the_commands_of_another_replica(harness: Harness) -> None:
    scene = await in_progress(harness, policy())
    async with harness.replica() as other:
        there = other.person("proctor", person_id=scene.proctor.person_id)
        call = watch_roster(there, scene.session_id)
        await next_response(call)
        await scene.proctor.supervision.PauseParticipants(
            pb.PauseParticipantsRequest(
                session_id=scene.session_id,
                participant_ids=[scene.participant_id],
                pause_reason=REASON,
            )
        )
        while (await next_response(call)).participant.pause.pause_reason != REASON:
            pass

        hand = await raise_hand(scene.other, scene)
        while (await next_response(call)).participant.hand != hand:
            pass

        requested = await request(scene.other, scene)
        while (await next_response(call)).participant.latest_break != requested:
            pass
        granted = await decide(scene.proctor, grant_of(requested))
        while (await next_response(call)).participant.latest_break != granted:
            pass

        administrator = harness.administrator()
        session = await take(administrator, scene.session_id)
        assert session.plan.proctor_ids[0] == administrator.id
        while (await next_response(call)).session.plan.proctor_ids != session.plan.proctor_ids:
            pass
        call.cancel()
