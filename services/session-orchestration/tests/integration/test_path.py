"""Tests of a complete session, which is scheduled, joined, started, authorised and ended."""

from __future__ import annotations

from proctorium.session.v1 import lobby_pb2, sessions_pb2, supervision_pb2
from proctorium_devstack.testing.waiting import next_response

from .harness import Harness, end, join, plan, roster, start


async def test_session_from_schedule_to_end(harness: Harness) -> None:
    proctor, first, second, absent = (
        harness.proctor(),
        harness.learner(),
        harness.learner(),
        harness.learner(),
    )
    session = await harness.scheduled(plan([proctor], [first, second, absent]))
    assessment_id = session.plan.assessment_ids[0]

    joined = await join(first, session.session_id)
    assert joined.session.state == sessions_pb2.SESSION_STATE_LOBBY_OPEN
    assert joined.participant.state == lobby_pb2.PARTICIPANT_STATE_WAITING
    assert not joined.rejoin
    assert not joined.session.plan.learner_ids

    watch = first.lobby.WatchSession(lobby_pb2.WatchSessionRequest(session_id=session.session_id))
    waiting = await next_response(watch)
    assert waiting.participant.state == lobby_pb2.PARTICIPANT_STATE_WAITING

    started = await start(proctor, session.session_id)
    assert started.state == sessions_pb2.SESSION_STATE_IN_PROGRESS
    view = await next_response(watch)
    while view.participant.state == lobby_pb2.PARTICIPANT_STATE_WAITING:  # only presence changed
        view = await next_response(watch)
    assert view.participant.state == lobby_pb2.PARTICIPANT_STATE_IN_SESSION
    assert view.session.state == sessions_pb2.SESSION_STATE_IN_PROGRESS

    authorized = await proctor.supervision.AuthorizeAssessment(
        supervision_pb2.AuthorizeAssessmentRequest(
            session_id=session.session_id, assessment_id=assessment_id
        )
    )
    assert [each.participant.person_id for each in authorized.outcomes] == [first.id]

    ended = await end(proctor, session.session_id)
    assert ended.state == sessions_pb2.SESSION_STATE_ENDED
    assert ended.ended_by == proctor.id
    last = [each async for each in watch][-1]
    assert last.participant.state == lobby_pb2.PARTICIPANT_STATE_LEFT

    shown = await roster(proctor, session.session_id)
    assert [each.state for each in shown.participants] == [lobby_pb2.PARTICIPANT_STATE_LEFT]
    events = [
        each
        for each in await harness.recorded(session.session_id)
        if each not in {"participant.connected", "participant.disconnected"}
    ]
    assert events == [
        "session.scheduled",
        "session.lobby-opened",
        "participant.joined",
        "session.started",
        "participant.assessment-authorized",
        "participant.left",
        "session.ended",
    ]
