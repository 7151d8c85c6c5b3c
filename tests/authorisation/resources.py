"""Create the callers of `ownership.md` and their resources.

`actors` runs a session on a running stack and yields the callers with the ids of the resources of one learner.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from e2e.clients import LearnerClient, ProctorClient
from e2e.own_pace import complete_self_paced_course
from e2e.scenario import Scenario, create_scenario
from proctorium.enrollment.v1.accommodations_pb2 import (
    Accommodations,
    UpdateAccommodationsRequest,
)
from proctorium.enrollment.v1.codes_pb2 import ListCodesRequest
from proctorium.enrollment.v1.courses_pb2 import UNIT_KIND_LESSON, GetCourseRequest
from proctorium.notification.v1.notifications_pb2 import (
    ListDeliveriesRequest,
    ListNotificationsRequest,
)
from proctorium.session.v1.breaks_pb2 import RequestBreakRequest
from proctorium.session.v1.hands_pb2 import HAND_KIND_HELP, RaiseHandRequest
from proctorium.session.v1.incidents_pb2 import INCIDENT_SEVERITY_NOTE, CreateIncidentRequest
from proctorium.session.v1.messages_pb2 import SendMessageRequest
from proctorium_common.errors import ServiceError
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.demo.people import Person
from proctorium_devstack.demo.waiting import eventually

CALLERS = (
    "own learner",
    "other learner, same session",
    "other learner",
    "own proctor",
    "other proctor",
    "administrator",
)
_CATEGORY_ID = "learner.absence"


@dataclass
class Actors:
    """The callers, and the ids of the resources of the caller "own learner".

    The keys of `people` are the names in `CALLERS`. The keys of `ids` are names of request fields.
    """

    people: dict[str, Person]
    ids: dict[str, str]


@asynccontextmanager
async def actors(edge: str) -> AsyncIterator[Actors]:
    """Run a session with two learners, schedule another session with one other learner, and yield the actors."""
    own = await create_scenario(edge, uncovered_after=timedelta(minutes=10))
    other = await create_scenario(edge, learner_channels=(EdgeChannel,))
    try:
        ids = await _run_session(own)
        yield Actors(
            dict(
                zip(
                    CALLERS,
                    (*own.learners, *other.learners, own.proctor, other.proctor, own.administrator),
                    strict=True,
                )
            ),
            ids,
        )
    finally:
        await own.close()
        await other.close()


async def _run_session(scenario: Scenario) -> dict[str, str]:
    """Run a session and return the ids of the first learner's resources.

    The keys of the returned dictionary are names of request fields. The first learner takes the
    assessment. The second learner submits evidence and waits for the verification.
    """
    learner, other = (LearnerClient(each, scenario) for each in scenario.learners)
    proctor = ProctorClient(scenario)
    proctor.watch()
    await learner.join()
    await other.join()
    case = await learner.send_evidence()
    await other.send_evidence()
    await proctor.verify(case)
    await proctor.start()
    await learner.open_lesson_eventually()
    await proctor.authorize(learner)
    attempt = await learner.start()
    await learner.answer_all(attempt)
    await learner.submit()
    await complete_self_paced_course(scenario.administrator, learner.learner)
    certificate, _ = await learner.wait_for_certificate()
    reported = await scenario.proctor.incidents.CreateIncident(
        CreateIncidentRequest(
            session_id=scenario.session_id,
            participant_id=learner.participant_id,
            category_id=_CATEGORY_ID,
            severity=INCIDENT_SEVERITY_NOTE,
            note="Left the room for two minutes.",
        )
    )
    for person in (scenario.learners[0], scenario.proctor):
        await person.messages.SendMessage(
            SendMessageRequest(
                session_id=scenario.session_id,
                participant_id=learner.participant_id,
                text="A message of the test.",
            )
        )
    raised = await scenario.learners[0].hands.RaiseHand(
        RaiseHandRequest(session_id=scenario.session_id, kind=HAND_KIND_HELP)
    )
    await scenario.administrator.accommodations.UpdateAccommodations(
        UpdateAccommodationsRequest(
            accommodations=Accommodations(
                person_id=scenario.learners[0].person_id,
                proctor_note="Uses a screen reader.",
                extra_break_minutes=15,
            )
        )
    )
    requested = await eventually(
        lambda: _break(scenario.learners[0], scenario.session_id), "the extra break time"
    )
    for client in (learner, other, proctor):
        await client.close()
    person, administrator = scenario.learners[0], scenario.administrator
    course = await administrator.courses.GetCourse(GetCourseRequest(course_id=scenario.course_id))
    codes = await administrator.codes.ListCodes(ListCodesRequest(session_id=scenario.session_id))
    return {
        "session_id": scenario.session_id,
        "course_id": scenario.course_id,
        "unit_id": next(
            unit.unit_id for unit in course.course.units if unit.kind == UNIT_KIND_LESSON
        ),
        "assessment_id": scenario.assessment_id,
        "person_id": person.person_id,
        "to_person_id": scenario.proctor.person_id,
        "expected_lead_proctor_id": scenario.proctor.person_id,
        "participant_id": learner.participant_id,
        "attempt_id": learner.attempt_id,
        "item_id": next(
            item.item_id for item in attempt.items if item.WhichOneof("kind") == "true_false"
        ),
        "case_id": case.case_id,
        "hand_id": raised.hand.hand_id,
        "break_id": requested,
        "incident_id": reported.incident.incident_id,
        "category_id": _CATEGORY_ID,
        "certificate_id": certificate.certificate_id,
        "code_id": codes.codes[0].code_id,
        "delivery_id": await eventually(lambda: _delivery(administrator, person), "a delivery"),
        "notification_id": await eventually(lambda: _notification(person), "a notification"),
    }


async def _break(person: Person, session_id: str) -> str | None:
    """Request a break and return its id, or return None if the person's extra break time has not arrived."""
    try:
        response = await person.breaks.RequestBreak(RequestBreakRequest(session_id=session_id))
    except ServiceError as refused:
        if refused.reason == "BREAKS_EXHAUSTED":
            return None
        raise
    return response.requested_break.break_id


async def _delivery(administrator: Person, person: Person) -> str | None:
    request = ListDeliveriesRequest(person_id=person.person_id)
    found = (await administrator.deliveries.ListDeliveries(request)).deliveries
    return found[0].delivery_id if found else None


async def _notification(person: Person) -> str | None:
    found = (await person.inbox.ListNotifications(ListNotificationsRequest())).notifications
    return found[0].notification_id if found else None
