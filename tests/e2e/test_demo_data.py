"""The demo data of `make up` leaves alone what people planned."""

from __future__ import annotations

from datetime import timedelta

from e2e.stage import Stage
from proctorium.session.v1.sessions_pb2 import (
    SESSION_STATE_CANCELLED,
    GetSessionRequest,
    SessionPlan,
    SessionState,
)
from proctorium_devstack.demo import seed


def plan(stage: Stage, title: str, starts_in: timedelta) -> SessionPlan:
    return seed.plan(
        stage.course_id,
        stage.assessment_id,
        [stage.proctor.person_id],
        [],
        title=title,
        starts_in=starts_in,
    )


async def state(stage: Stage, session_id: str) -> SessionState.ValueType:
    found = await stage.administrator.sessions.GetSession(GetSessionRequest(session_id=session_id))
    return found.session.state


async def test_sessions_that_an_administrator_planned_stay_and_are_not_taken_for_its_own(
    stage: Stage,
) -> None:
    administrator = stage.administrator
    found = await administrator.sessions.GetSession(GetSessionRequest(session_id=stage.session_id))
    title = found.session.plan.title.removesuffix(": examination")
    later = await seed.schedule(administrator, plan(stage, title, timedelta(hours=6)))
    soon = plan(stage, title, timedelta(minutes=10))

    own = await seed.upcoming_session(administrator, soon)
    assert own is not None
    assert own.session_id == stage.session_id
    await seed.end_own_session(administrator, stage.course_id, title)
    assert await state(stage, stage.session_id) == SESSION_STATE_CANCELLED
    assert await state(stage, later.session_id) != SESSION_STATE_CANCELLED

    other = await seed.schedule(administrator, plan(stage, "Fire safety", timedelta(minutes=30)))
    assert await seed.upcoming_session(administrator, soon) is None
    assert await state(stage, other.session_id) != SESSION_STATE_CANCELLED
