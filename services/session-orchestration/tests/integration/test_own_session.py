"""Tests that a person who is a learner and a proctor cannot be both in the same session."""

from __future__ import annotations

from proctorium.session.v1 import lobby_pb2, sessions_pb2
from proctorium_common.errors import Kind
from proctorium_devstack.testing.refusals import refusal

from .harness import Harness, plan


async def test_proctor_cannot_join_their_session(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    both = harness.person("proctor", "learner", person_id=proctor.person_id)
    joining = lobby_pb2.JoinSessionRequest(code=session.session_id)
    error = await harness.refused(both.lobby.JoinSession, joining)
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")


async def test_proctor_cannot_be_invited_to_their_session(harness: Harness) -> None:
    proctor = harness.proctor()
    request = sessions_pb2.ScheduleSessionRequest(plan=plan([proctor], [proctor]))
    error = await refusal(harness.administrator().sessions.ScheduleSession(request))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
