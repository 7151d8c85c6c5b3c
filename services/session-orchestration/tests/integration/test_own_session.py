"""Nobody supervises themselves, also where one person holds both roles."""

from __future__ import annotations

from proctorium.session.v1 import lobby_pb2, sessions_pb2
from proctorium_common.errors import Kind
from proctorium_devstack.testing.refusals import refusal

from .world import World, plan, refused_without_change


async def test_who_supervises_a_session_does_not_join_it(world: World) -> None:
    proctor = world.proctor()
    session = await world.scheduled(plan([proctor]))
    both = world.person("proctor", "learner", person_id=proctor.person_id)
    joining = lobby_pb2.JoinSessionRequest(code=session.session_id)
    told = await refused_without_change(world, both.lobby.JoinSession, joining)
    assert (told.kind, told.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")


async def test_nobody_is_expected_in_a_session_that_they_supervise(world: World) -> None:
    proctor = world.proctor()
    request = sessions_pb2.ScheduleSessionRequest(plan=plan([proctor], [proctor]))
    told = await refusal(world.administrator().sessions.ScheduleSession(request))
    assert (told.kind, told.reason) == (Kind.INVALID, "INVALID_REQUEST")
