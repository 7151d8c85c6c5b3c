"""Nobody supervises themselves, also where one person holds both roles."""

from __future__ import annotations

from proctorium.session.v1 import lobby_pb2, sessions_pb2
from proctorium_common.errors import Kind
from proctorium_devstack.testing.refusals import refusal

from .harness import Harness, plan


async def test_who_supervises_a_session_does_not_join_it(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    both = harness.person("proctor", "learner", person_id=proctor.person_id)
    joining = lobby_pb2.JoinSessionRequest(code=session.session_id)
    told = await harness.refused(both.lobby.JoinSession, joining)
    assert (told.kind, told.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")


async def test_nobody_is_expected_in_a_session_that_they_supervise(harness: Harness) -> None:
    proctor = harness.proctor()
    request = sessions_pb2.ScheduleSessionRequest(plan=plan([proctor], [proctor]))
    told = await refusal(harness.administrator().sessions.ScheduleSession(request))
    assert (told.kind, told.reason) == (Kind.INVALID, "INVALID_REQUEST")
