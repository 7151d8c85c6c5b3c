"""Tests of the progress of learners on the roster: order of events, joins, ended sessions and large classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.enrollment.events.v1 import events_pb2 as enrollment
from proctorium.session.v1 import lobby_pb2, sessions_pb2, supervision_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import new_id
from proctorium_devstack.testing.enrollment import assessments_of
from proctorium_devstack.testing.waiting import next_response
from proctorium_session.subscribers.course_progress import on_progress_recorded

from .harness import Harness, Person, end, join, plan, roster, start


def finished(
    learner: Person, session: sessions_pb2.Session, count: int
) -> enrollment.ProgressRecorded:
    """Return the event that reports that the learner has now finished `count` units of the session's course."""
    return enrollment.ProgressRecorded(
        registration_id=learner.id,  # one registration for each learner
        person_id=learner.id,
        course_id=session.plan.course_id,
        unit_id=str(new_id()),
        finished_unit_count=count,
    )


async def until_shown(harness: Harness) -> None:
    """Wait until the rosters show all progress that is stored."""
    await harness.until_row("SELECT 1 WHERE NOT EXISTS (SELECT FROM course_progress WHERE pending)")


async def revision_of(harness: Harness, session: sessions_pb2.Session) -> int:
    rows = await harness.rows(
        "SELECT revision FROM sessions WHERE session_id = :id", id=UUID(session.session_id)
    )
    return int(rows[0][0])


async def shown(
    proctor: Person, session: sessions_pb2.Session
) -> dict[str, lobby_pb2.CourseProgress]:
    """Return the progress on the current roster, by the ID of the learner."""
    participants = (await roster(proctor, session.session_id)).participants
    return {each.person_id: each.course_progress for each in participants}


@pytest.mark.parametrize("order", [*permutations((1, 2, 3)), (3, 3, 1, 2, 2)])
async def test_greatest_number_counts_in_any_order(harness: Harness, order: Sequence[int]) -> None:
    proctor, learner, other = harness.proctor(), harness.learner(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    for each in (learner, other):
        await join(each, session.session_id)
    for count in order:
        await harness.handle(finished(learner, session, count))
    units = 1 + len(assessments_of(session.plan.course_id))
    assert await shown(proctor, session) == {
        learner.id: lobby_pb2.CourseProgress(finished_unit_count=3, unit_count=units),
        other.id: lobby_pb2.CourseProgress(unit_count=units),
    }


async def test_open_roster_receives_progress_from_the_broker(harness: Harness) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    await join(learner, session.session_id)
    recorded = await harness.recorded(session.session_id)
    request = supervision_pb2.WatchRosterRequest(session_id=session.session_id)
    call = proctor.supervision.WatchRoster(request)
    assert (
        not (await next_response(call)).snapshot.participants[0].course_progress.finished_unit_count
    )
    first, second = (finished(learner, session, count) for count in (1, 2))
    await harness.publish(second, times=2)
    assert (await next_response(call)).participant.course_progress.finished_unit_count == 2
    await harness.deliver(first)
    await harness.deliver(finished(learner, session, 3))
    # The late event sends nothing, so the next response is already the next number.
    assert (await next_response(call)).participant.course_progress.finished_unit_count == 3
    call.cancel()
    assert await harness.recorded(session.session_id) == recorded


async def test_progress_from_before_the_join_is_shown_without_another_call(
    harness: Harness,
) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    planned = plan([proctor])
    await harness.handle(finished(learner, sessions_pb2.Session(plan=planned), 2))
    await until_shown(harness)
    session = await harness.scheduled(planned)
    request = supervision_pb2.WatchRosterRequest(session_id=session.session_id)
    call = proctor.supervision.WatchRoster(request)
    await next_response(call)
    calls = harness.enrollment.calls
    joined = await join(learner, session.session_id)
    assert harness.enrollment.calls == calls + 1
    assert not joined.participant.HasField("course_progress")
    response = await next_response(call)
    while not response.HasField("participant"):  # the lobby was opened
        response = await next_response(call)
    assert response.participant.course_progress.finished_unit_count == 2
    call.cancel()
    await start(proctor, session.session_id)
    assert (await shown(proctor, session))[learner.id].finished_unit_count == 2


async def test_progress_in_another_course_is_not_shown(harness: Harness) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    await join(learner, session.session_id)
    revision = await revision_of(harness, session)
    other = sessions_pb2.Session(plan=sessions_pb2.SessionPlan(course_id=str(new_id())))
    await harness.handle(finished(learner, other, 4))
    await until_shown(harness)
    assert (await shown(proctor, session))[learner.id].finished_unit_count == 0
    assert await revision_of(harness, session) == revision


async def test_session_that_is_over_shows_the_progress_and_does_not_change(
    harness: Harness,
) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    await join(learner, session.session_id)
    await start(proctor, session.session_id)
    await end(proctor, session.session_id)
    revision = await revision_of(harness, session)
    await harness.handle(finished(learner, session, 2))
    await until_shown(harness)
    assert await revision_of(harness, session) == revision
    assert (await shown(proctor, session))[learner.id].finished_unit_count == 2


async def test_units_that_a_class_finishes_together_change_the_session_once(
    harness: Harness,
) -> None:
    proctor, learners = harness.proctor(), [harness.learner() for _ in range(20)]
    session = await harness.scheduled(plan([proctor], capacity=20))
    for each in learners:
        await join(each, session.session_id)
    revision = await revision_of(harness, session)
    events = [finished(each, session, 1) for each in learners]
    metadata = EventMetadata(new_id(), "progress.recorded", harness.clock(), 1, 1)
    async with harness.database.transaction() as tx:
        await on_progress_recorded(tx, [(event, metadata) for event in events])
    await until_shown(harness)
    assert await revision_of(harness, session) == revision + 1
    progress = await shown(proctor, session)
    assert [progress[each.id].finished_unit_count for each in learners] == [1] * 20


async def test_database_refuses_to_reduce_the_number(harness: Harness) -> None:
    learner, course_id = harness.learner(), new_id()
    course = sessions_pb2.Session(plan=sessions_pb2.SessionPlan(course_id=str(course_id)))
    await harness.handle(finished(learner, course, 2))
    with pytest.raises(DBAPIError, match="cannot decrease from 2 to 1"):
        await harness.rows(
            "UPDATE course_progress SET finished_unit_count = 1 WHERE course_id = :id", id=course_id
        )
