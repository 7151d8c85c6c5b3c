"""Test that loading the demo data of `make up` does not change sessions that people have scheduled."""

from __future__ import annotations

from datetime import timedelta

from e2e.scenario import Scenario
from proctorium.session.v1.sessions_pb2 import (
    SESSION_STATE_CANCELLED,
    GetSessionRequest,
    SessionPlan,
    SessionState,
)
from proctorium_devstack.demo import seed


def plan(scenario: Scenario, title: str, starts_in: timedelta) -> SessionPlan:
    return seed.plan(
        scenario.course_id,
        scenario.assessment_id,
        [scenario.proctor.person_id],
        [],
        title=title,
        starts_in=starts_in,
    )


async def state(scenario: Scenario, session_id: str) -> SessionState.ValueType:
    found = await scenario.administrator.sessions.GetSession(
        GetSessionRequest(session_id=session_id)
    )
    return found.session.state


async def test_demo_data_neither_reuses_nor_cancels_other_sessions(
    scenario: Scenario,
) -> None:
    administrator = scenario.administrator
    found = await administrator.sessions.GetSession(
        GetSessionRequest(session_id=scenario.session_id)
    )
    title = found.session.plan.title.removesuffix(": examination")
    later = await seed.schedule(administrator, plan(scenario, title, timedelta(hours=6)))
    soon = plan(scenario, title, timedelta(minutes=10))

    own = await seed.upcoming_session(administrator, soon)
    assert own is not None
    assert own.session_id == scenario.session_id
    await seed.end_own_session(administrator, scenario.course_id, title)
    assert await state(scenario, scenario.session_id) == SESSION_STATE_CANCELLED
    assert await state(scenario, later.session_id) != SESSION_STATE_CANCELLED

    other = await seed.schedule(administrator, plan(scenario, "Fire safety", timedelta(minutes=30)))
    assert await seed.upcoming_session(administrator, soon) is None
    assert await state(scenario, other.session_id) != SESSION_STATE_CANCELLED
