"""Tests of the policy of breaks: its rules in a plan, the break allowance, and extra break time of learners."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.enrollment.events.v1 import events_pb2 as enrollment
from proctorium.session.v1 import breaks_pb2 as pb
from proctorium.session.v1 import sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import next_response

from .breaks import (
    MINUTE,
    begin,
    come_back,
    decide,
    grant_of,
    policy,
    request,
    shown,
    started,
)
from .harness import Harness, Person, join, plan, roster
from .test_conversations import in_progress


def changed(person: Person, revision: int, minutes: int) -> enrollment.PersonAccommodationsChanged:
    return enrollment.PersonAccommodationsChanged(
        person_id=person.id, revision=revision, extra_break_minutes=minutes
    )


async def test_exhausted_breaks_are_refused(harness: Harness) -> None:
    scene = await in_progress(harness, policy(1))
    await come_back(scene.learner, await started(scene))
    made = pb.RequestBreakRequest(session_id=scene.session_id)
    refused = await harness.refused(scene.learner.breaks.RequestBreak, made)
    assert refused.reason == "BREAKS_EXHAUSTED"
    assert "no break is left" in refused.message
    without = await in_progress(harness)
    made = pb.RequestBreakRequest(session_id=without.session_id)
    refused = await harness.refused(without.learner.breaks.RequestBreak, made)
    assert (refused.reason, "no breaks" in refused.message) == ("BREAKS_EXHAUSTED", True)


async def test_granted_length_is_limited(harness: Harness) -> None:
    scene = await in_progress(harness, policy(2, 10 * MINUTE, 12 * MINUTE))
    requested = await request(scene.learner, scene)
    too_long = grant_of(requested, 11 * MINUTE)
    refused = await harness.refused(scene.proctor.breaks.DecideBreak, too_long)
    assert (refused.reason, "up to 10 minutes" in refused.message) == (
        "BREAK_LENGTH_EXCEEDED",
        True,
    )
    for length in (timedelta(), -MINUTE, 13 * 60 * MINUTE):
        invalid = await harness.refused(
            scene.proctor.breaks.DecideBreak, grant_of(requested, length)
        )
        assert [each.field for each in invalid.violations] == ["grant.length"]
    nothing = pb.DecideBreakRequest(break_id=requested.break_id)
    invalid = await harness.refused(scene.proctor.breaks.DecideBreak, nothing)
    assert invalid.kind is Kind.INVALID
    await come_back(
        scene.learner,
        await begin(scene.learner, await decide(scene.proctor, grant_of(requested, 10 * MINUTE))),
    )


async def test_extra_break_time_raises_the_total_in_a_running_session(harness: Harness) -> None:
    scene = await in_progress(harness, policy(1, 10 * MINUTE))
    call = scene.proctor.supervision.WatchRoster(
        supervision_pb2.WatchRosterRequest(session_id=scene.session_id)
    )
    await next_response(call)
    await harness.handle(changed(scene.learner, 1, 20))
    allowance = (await next_response(call)).participant.break_allowance
    assert allowance.longest_length.ToTimedelta() == 30 * MINUTE
    assert not allowance.HasField("remaining_count")
    call.cancel()
    await come_back(scene.learner, await started(scene, 30 * MINUTE))
    await started(scene)


async def test_newest_accommodations_count_in_any_order(harness: Harness) -> None:
    scene = await in_progress(harness)
    for revision, minutes in ((2, 15), (1, 60), (2, 15)):
        await harness.handle(changed(scene.learner, revision, minutes))
    allowance = (await shown(scene)).break_allowance
    assert allowance.remaining_time.ToTimedelta() == 15 * MINUTE
    await harness.handle(changed(scene.learner, 3, 0))
    assert not (await shown(scene)).HasField("break_allowance")


async def test_accommodations_from_before_the_session_count(harness: Harness) -> None:
    learner, proctor = harness.learner(), harness.proctor()
    await harness.handle(changed(learner, 1, 15))
    session = await harness.scheduled(plan([proctor]))
    await join(learner, session.session_id)
    (own,) = (await roster(proctor, session.session_id)).participants
    assert own.break_allowance.remaining_time.ToTimedelta() == 15 * MINUTE


async def test_plan_has_the_policy(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor], breaks=policy(3)))
    stored = session.plan.break_policy
    assert (stored.count, stored.clock_stops) == (3, True)
    assert stored.total.ToTimedelta() == 30 * MINUTE
    read = await proctor.sessions.GetSession(
        sessions_pb2.GetSessionRequest(session_id=session.session_id)
    )
    assert read.session.plan.break_policy == stored


@pytest.mark.parametrize(
    ("count", "length", "total", "field"),
    [
        (0, 10, None, "count"),
        (2, 0, None, "length"),
        (2, 10, 5, "total"),
        (2, 10, 30, "total"),
        (21, 10, None, "count"),
        (1, 121, None, "length"),
    ],
)
async def test_invalid_policy_is_refused_at_its_field(
    harness: Harness, count: int, length: int, total: int | None, field: str
) -> None:
    made = plan(
        [harness.proctor()],
        breaks=policy(count, length * MINUTE, None if total is None else total * MINUTE),
    )
    refused = await harness.refused(
        harness.administrator().sessions.ScheduleSession,
        sessions_pb2.ScheduleSessionRequest(plan=made),
    )
    assert [each.field for each in refused.violations] == [f"plan.break_policy.{field}"]


async def test_database_refuses_breaks_beyond_the_total(harness: Harness) -> None:
    scene = await in_progress(harness, policy(2, 10 * MINUTE, 12 * MINUTE))
    on_break = await started(scene, 10 * MINUTE)
    await harness.rows(
        "UPDATE breaks SET state = 'returned', closed_at = started_at + length WHERE break_id = :id",
        id=UUID(on_break.break_id),
    )
    requested = await request(scene.learner, scene)
    with pytest.raises(DBAPIError, match="beyond the allowance"):
        await harness.rows(
            "UPDATE breaks SET state = 'granted', length = '3 minutes' WHERE break_id = :id",
            id=UUID(requested.break_id),
        )
    refused = await refusal(decide(scene.proctor, grant_of(requested, 3 * MINUTE)))
    assert "up to 2 minutes" in refused.message
