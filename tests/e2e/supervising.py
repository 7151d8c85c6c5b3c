"""What a proctor does during a session: pause it, grant a break, and take it from a proctor who has left."""

from __future__ import annotations

import secrets
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import MakeChannel, Scenario, register_person
from proctorium.assessment.v1.attempts_pb2 import ClockState
from proctorium.session.v1.breaks_pb2 import (
    Break,
    DecideBreakRequest,
    GrantBreak,
    RequestBreakRequest,
    ReturnFromBreakRequest,
    StartBreakRequest,
)
from proctorium.session.v1.sessions_pb2 import Pause
from proctorium.session.v1.supervision_pb2 import (
    ListUncoveredSessionsRequest,
    PauseParticipantsRequest,
    ResumeParticipantsRequest,
    TakeSessionRequest,
    UncoveredSession,
)
from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_devstack.demo import seed
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.demo.people import Person
from proctorium_devstack.demo.waiting import eventually


async def create_colleague(scenario: Scenario, channel: MakeChannel = EdgeChannel) -> Person:
    """Create a certified proctor who is not in the plan of the session; return the proctor."""
    surname = scenario.proctor.name.rpartition(" ")[2]
    handle = f"nadia.{secrets.token_hex(4)}"
    colleague = await register_person(
        scenario.administrator,
        scenario.edge,
        f"Nadia Rahman {surname}",
        handle,
        is_proctor=True,
        channel=channel,
    )
    await seed.certify(scenario.administrator, colleague.person_id)
    return colleague


async def pause_all(proctor: ProctorClient, reason: str) -> Pause:
    """Pause the whole session with a reason; return the pause."""
    request = PauseParticipantsRequest(
        request_id=str(new_id()), session_id=proctor.scenario.session_id, pause_reason=reason
    )
    return (await proctor.proctor.supervision.PauseParticipants(request)).session.pause


async def resume_all(proctor: ProctorClient) -> None:
    """Resume the session after `pause_all`."""
    request = ResumeParticipantsRequest(
        request_id=str(new_id()), session_id=proctor.scenario.session_id
    )
    await proctor.proctor.supervision.ResumeParticipants(request)


async def until_clock(learner: LearnerClient, state: ClockState.ValueType) -> None:
    """Wait until the clock of the learner's attempt is in `state`."""

    async def shown() -> bool | None:
        return (await learner.read_attempt()).clock_state == state or None

    await eventually(shown, "the state of the clock")


async def start_break(learner: LearnerClient, proctor: ProctorClient, length: timedelta) -> str:
    """Let the learner request a break, let the proctor grant it, and start it; return the id of the break."""
    requested = await learner.learner.breaks.RequestBreak(
        RequestBreakRequest(request_id=str(new_id()), session_id=learner.scenario.session_id)
    )
    break_id = requested.requested_break.break_id
    granted = Duration()
    granted.FromTimedelta(length)
    await proctor.proctor.breaks.DecideBreak(
        DecideBreakRequest(
            request_id=str(new_id()),
            break_id=break_id,
            grant=GrantBreak(length=granted),
        )
    )
    await learner.learner.breaks.StartBreak(
        StartBreakRequest(request_id=str(new_id()), break_id=break_id)
    )
    return break_id


async def return_from_break(learner: LearnerClient, break_id: str) -> Break:
    """End the learner's break; return the break."""
    response = await learner.learner.breaks.ReturnFromBreak(
        ReturnFromBreakRequest(request_id=str(new_id()), break_id=break_id)
    )
    return response.returned_break


async def find_uncovered(colleague: Person, session_id: str) -> UncoveredSession:
    """Wait until the colleague's certification is known and the session is uncovered; return the entry of the list."""

    async def uncovered() -> UncoveredSession | None:
        try:
            listed = await _list_uncovered(colleague)
        except ServiceError as error:
            if error.reason != "CERTIFICATION_ENDED":
                raise
            return None
        return next((each for each in listed if each.session_id == session_id), None)

    return await eventually(uncovered, "the alarm about the uncovered session")


async def _list_uncovered(colleague: Person) -> list[UncoveredSession]:
    """Return all uncovered sessions, from all pages of the list."""
    found: list[UncoveredSession] = []
    page_token = ""
    while True:
        request = ListUncoveredSessionsRequest(page_token=page_token)
        page = await colleague.supervision.ListUncoveredSessions(request)
        found += page.sessions
        page_token = page.next_page_token
        if not page_token:
            return found


async def take_session(colleague: Person, uncovered: UncoveredSession) -> None:
    """Let the colleague take an uncovered session."""
    await colleague.supervision.TakeSession(
        TakeSessionRequest(
            request_id=str(new_id()),
            session_id=uncovered.session_id,
            expected_lead_proctor_id=uncovered.lead_proctor_id,
        )
    )
