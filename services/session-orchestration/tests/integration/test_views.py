"""Tests of the sessions that a caller can see in each role, and the fields of these sessions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from proctorium.session.v1 import lobby_pb2, sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import next_response

from .harness import Harness, Person, join, plan


def getting(session_id: str) -> sessions_pb2.GetSessionRequest:
    return sessions_pb2.GetSessionRequest(session_id=session_id)


async def listed(person: Person, **fields: object) -> list[str]:
    request = sessions_pb2.ListSessionsRequest(**fields)  # type: ignore[arg-type]
    response = await person.sessions.ListSessions(request)
    return [each.session_id for each in response.sessions]


async def test_learners_see_their_sessions_without_other_learners(harness: Harness) -> None:
    proctor, expected, guest = harness.proctor(), harness.learner(), harness.learner()
    session = await harness.scheduled(plan([proctor], [expected, harness.learner()]))
    await join(guest, session.session_id)
    for learner in (expected, guest):
        seen = (await learner.sessions.GetSession(getting(session.session_id))).session
        assert not seen.plan.learner_ids
        assert seen.plan.title == session.plan.title
        assert await listed(learner) == [session.session_id]
        response = await learner.sessions.ListSessions(sessions_pb2.ListSessionsRequest())
        assert not response.sessions[0].plan.learner_ids
    for staff in (proctor, harness.administrator()):
        seen = (await staff.sessions.GetSession(getting(session.session_id))).session
        assert set(seen.plan.learner_ids) == set(session.plan.learner_ids)


async def test_session_of_others_looks_as_if_it_did_not_exist(harness: Harness) -> None:
    session = await harness.scheduled(plan([harness.proctor()]))
    for person in (harness.learner(), harness.proctor()):
        there = await refusal(person.sessions.GetSession(getting(session.session_id)))
        not_there = await refusal(person.sessions.GetSession(getting(str(new_id()))))
        assert there.kind is Kind.NOT_FOUND
        assert (there.reason, there.message) == (not_there.reason, not_there.message)
        assert await listed(person) == []


async def test_sessions_are_paged_by_start_time(harness: Harness) -> None:
    proctor = harness.proctor()
    hours = [7, 3, 5, 9]
    planned = {
        each: await harness.scheduled(plan([proctor], starts_in=timedelta(hours=each)))
        for each in hours
    }
    in_order = [planned[each].session_id for each in sorted(hours)]
    assert await listed(proctor) == in_order
    first = await proctor.sessions.ListSessions(sessions_pb2.ListSessionsRequest(page_size=3))
    assert [each.session_id for each in first.sessions] == in_order[:3]
    rest = sessions_pb2.ListSessionsRequest(page_size=3, page_token=first.next_page_token)
    second = await proctor.sessions.ListSessions(rest)
    assert [each.session_id for each in second.sessions] == in_order[3:]
    assert not second.next_page_token

    error = await refusal(harness.proctor().sessions.ListSessions(rest))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_PAGE_TOKEN")


async def test_sessions_that_are_over_can_be_excluded(harness: Harness) -> None:
    proctor, administrator = harness.proctor(), harness.administrator()
    called_off = await harness.scheduled(plan([proctor]))
    await administrator.sessions.CancelSession(
        sessions_pb2.CancelSessionRequest(session_id=called_off.session_id)
    )
    live = await harness.scheduled(plan([proctor]))
    assert await listed(proctor, live_only=True) == [live.session_id]
    assert set(await listed(proctor)) == {live.session_id, called_off.session_id}


async def watched(person: Person, session_id: str) -> ServiceError:
    call = person.lobby.WatchSession(lobby_pb2.WatchSessionRequest(session_id=session_id))
    return await refusal(next_response(call))


async def test_only_participants_can_watch_a_session(harness: Harness) -> None:
    expected = harness.learner()
    session = await harness.scheduled(plan([harness.proctor()], [expected]))
    for person in (expected, harness.learner()):
        for session_id in (session.session_id, str(new_id())):
            error = await watched(person, session_id)
            assert error.kind is Kind.NOT_FOUND
    assert (await watched(harness.proctor(), session.session_id)).kind is Kind.NOT_ALLOWED


@pytest.mark.parametrize("there", [True, False], ids=["there", "not there"])
async def test_only_supervisors_can_read_rosters_and_records(harness: Harness, there: bool) -> None:
    session = await harness.scheduled(plan([harness.proctor()]))
    session_id = session.session_id if there else str(new_id())
    watching = supervision_pb2.WatchRosterRequest(session_id=session_id)
    reading = supervision_pb2.GetRecordRequest(session_id=session_id)
    stranger, learner = harness.proctor(), harness.learner()
    for error in (
        await refusal(next_response(stranger.supervision.WatchRoster(watching))),
        await refusal(stranger.record.GetRecord(reading)),
    ):
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_SESSION")
    for error in (
        await refusal(next_response(learner.supervision.WatchRoster(watching))),
        await refusal(learner.record.GetRecord(reading)),
    ):
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")
    if not there:
        error = await refusal(harness.administrator().record.GetRecord(reading))
        assert error.kind is Kind.NOT_FOUND
