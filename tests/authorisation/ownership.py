"""Generate `ownership.md`, a table that shows for each RPC which callers may use a resource.

This module first creates the callers and the resources with a session on a running stack. It then calls every RPC as
the owner of the resources and as other people, and writes the results into the table. Each caller calls each RPC twice:
once with the ids of one learner's resources, and once with ids that do not exist. If the caller may not use a resource,
the two responses must be equal, because different responses would reveal that the resource exists. `make authorisation`
updates the table, and `tests/e2e/test_ownership.py` compares the table with a running system.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor

from e2e.clients import LearnerClient, ProctorClient
from e2e.images import selfie
from e2e.scenario import Scenario, create_scenario
from fuzz.calls import Caller, Outcome, by_grpc
from proctorium.assessment.v1.items_pb2 import Answer
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
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_devstack import demo_data
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.demo.people import Person, sign_in
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.ports import PortPlan
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.contracts import all_methods

OWNERSHIP = Path(__file__).parent / "ownership.md"

CALLERS = (
    "own learner",
    "other learner, same session",
    "other learner",
    "own proctor",
    "other proctor",
    "administrator",
)
_NEW = "makes something new, which is nobody's yet; only administrators may"
_OWN = "is always about the caller"
_EVERYBODY = "is the same for everybody who may call it"
_SECRET = "asks for a secret, which is what gives the right"
# The RPCs whose requests contain no id of an existing resource. Each value is the reason why no id is needed.
WITHOUT_RESOURCE = {
    "AssessmentService/CreateAssessment": _NEW,
    "AssessmentService/ListAssessments": _EVERYBODY,
    "CourseService/CreateCourse": _NEW,
    "CourseService/ListCourses": "lists what the caller may see: everything for administrators, else what is published",
    "AccountService/SignIn": _SECRET,
    "AccountService/RefreshToken": _SECRET,
    "AccountService/SignOut": _SECRET,
    "AccountService/GetMe": _OWN,
    "AccountService/ListSigningKeys": _EVERYBODY,
    "IncidentService/ListIncidentCategories": _EVERYBODY,
    "LobbyService/JoinSession": _SECRET,
    "OrganisationService/GetOrganisation": _EVERYBODY,
    "OrganisationService/UpdateOrganisation": "changes the only organisation; only administrators may",
    "PersonService/CreatePerson": _NEW,
    "PersonService/ListAdministrators": _EVERYBODY,
    "PersonService/ListPeople": _EVERYBODY,
    "RegistrationService/ListMyCourses": _OWN,
    "InboxService/ListNotifications": _OWN,
    "SessionService/ListSessions": "lists what the caller may see: everything for administrators, else their own",
    "SessionService/ScheduleSession": _NEW,
    "SupervisionService/ListUncoveredSessions": "lists the same sessions for everybody who may call it, except those in which the caller is a learner",
}
# The RPCs that end or revoke something that the calls of other RPCs need. Therefore they are called after all other
# RPCs, in this order.
_LAST = (
    "SupervisionService/TakeSession",
    "SupervisionService/RemoveParticipant",
    "SupervisionService/ReadmitParticipants",
    "SupervisionService/EndForParticipants",
    "SessionService/EndSession",
    "SessionService/CancelSession",
    "PersonService/RevokeRole",
    "AccountService/EnableAccount",
    "AccountService/SetPassword",
    "AccountService/SignOutEverywhere",
    "AccountService/DisableAccount",
)
# The RPCs whose requests can identify the resource by alternative fields. Each value lists the alternatives as
# tuples of fields.
_ALTERNATIVES: dict[str, tuple[tuple[str, ...], ...]] = {
    "VerificationService/GetCase": (("case_id",), ("learner",)),
}
# The keys of `Actors.ids` whose ids identify resources of one learner.
_PERSONAL = ("person_id", "attempt_id", "participant_id", "case_id", "certificate_id", "code_id", "delivery_id", "notification_id", "incident_id", "hand_id", "break_id")  # fmt: skip
_OPTIONAL_TIMES = {"client_time", "valid_from_time", "valid_until_time", "occurrence_time"}
_YES = "yes"
_NOTHING = "nothing"
_SETS_PASSWORD = "AccountService/SetPassword"
_CATEGORY_ID = "learner.absence"
_NEW_PASSWORD = "cobalt-meadow-1729"
_REFUSED = {Kind.NOT_FOUND, Kind.NOT_ALLOWED}
# The reasons of other kinds which a caller also receives for a resource that does not exist.
_ALSO_IF_MISSING = {"SESSION_COVERED"}
_HEAD = """# Whose resources a caller may use

Generated by `make authorisation` from the responses of a running system; a test checks that it is up to date. Each RPC that names resources is called with
the IDs of one learner's resources (session, attempt, case, certificate and so on), by this learner ("own learner"), by the proctor who supervises that
learner's session ("own proctor"), and by others; the other learner and the other proctor have another session of another course. **yes**: the call succeeds.
**nothing**: it succeeds, but returns none of these resources, as if they did not exist.
Otherwise the cell is the reason of the refusal. The reason may depend on the state of the resources: for example, the
own learner has already submitted the attempt.
If the response is NOT_FOUND or says that the resource is not the caller's, the test fails unless IDs
that do not exist get the same response. NOT_ALLOWED usually means that the role may not call the RPC; [matrix.md](matrix.md) lists this for every RPC and
also for services.

"""


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
    await learner.wait_for_result()
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


@dataclass(frozen=True)
class Row:
    """A row of the table, with the results of one RPC.

    `fields` contains the names of the fields by which the request identifies the resource. If `fields` is empty, all
    fields of the request are set.
    """

    method: MethodDescriptor
    fields: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The text of the first cell, which contains the name of the RPC and the names in `fields`."""
        by = f" by {', '.join(self.fields)}" if self.fields else ""
        return f"{_short(self.method)}{by}"


def _ordered_rows() -> list[Row]:
    """Return the rows of the RPCs that identify a resource, in the order in which they are called."""
    found = [
        Row(method, fields)
        for method in all_methods()
        if _short(method) not in WITHOUT_RESOURCE
        for fields in _ALTERNATIVES.get(_short(method), ((),))
    ]
    order = {name: number for number, name in enumerate(_LAST, 1)}
    return sorted(found, key=lambda row: order.get(_short(row.method), 0))


def names_resource(method: MethodDescriptor) -> bool:
    """Return whether a request of `method` has a field for the id of an existing resource."""
    return any(_is_id(each) for each in _all_fields(method.input_type.fields))


def _all_fields(fields: Any, depth: int = 0) -> Iterator[FieldDescriptor]:
    for each in fields:
        yield each
        if each.message_type is not None and depth < 4:
            yield from _all_fields(each.message_type.fields, depth + 1)


def _is_id(each: FieldDescriptor) -> bool:
    return each.name != "request_id" and each.name.endswith(("_id", "_ids"))


def _request_of(row: Row, ids: dict[str, str]) -> Any:
    """Return a valid request for the RPC of `row`, with the resource ids from `ids`."""
    request = _filled(row.method.input_type, ids, row.fields)
    if _short(row.method) == _SETS_PASSWORD:
        request.current_password, request.new_password = "wrong-password-1", _NEW_PASSWORD
    return request


def _filled(descriptor: Any, ids: dict[str, str], chosen: tuple[str, ...] = ()) -> Any:
    """Return a message of the type `descriptor`, with the resource ids from `ids`.

    If `chosen` is not empty, a field of a `oneof` is set only if `chosen` contains its name.
    """
    message: Any = message_factory.GetMessageClass(descriptor)()
    if descriptor.full_name == "google.protobuf.Timestamp":
        message.FromDatetime(datetime.now(UTC) + timedelta(days=30))
        return message
    if descriptor.full_name == "google.protobuf.Duration":
        message.FromTimedelta(timedelta(minutes=1))
        return message
    if descriptor.full_name == Answer.DESCRIPTOR.full_name:
        return Answer(truth=True)
    for each in descriptor.fields:
        if chosen and each.containing_oneof is not None and each.name not in chosen:
            continue
        if each.message_type is not None and each.is_repeated:
            getattr(message, each.name).append(_filled(each.message_type, ids))
        elif each.message_type is not None:
            if each.name not in _OPTIONAL_TIMES:
                getattr(message, each.name).CopyFrom(_filled(each.message_type, ids))
        elif (value := _value(each, ids)) is not None:
            if each.is_repeated:
                getattr(message, each.name).append(value)
            else:
                setattr(message, each.name, value)
    return message


def _value(each: FieldDescriptor, ids: dict[str, str]) -> Any:
    if _is_id(each):
        name = each.name.removesuffix("s") if each.is_repeated else each.name
        return ids[name]
    if each.enum_type is not None:
        if each.name == "state":  # leave the filter of a list unset
            return None
        return each.enum_type.values[1].number
    match each.name:
        case "request_id":
            return str(new_id())
        case "image":
            return selfie()
        case "sequence":
            return 1_000
        case "text" if each.full_name.startswith("proctorium.session.v1."):
            return "A message of the test."
        case "note":
            return "The test of the authorisation."
        case name if name.endswith("reason"):
            return "The test of the authorisation."
        case _:
            return None


class Ownership:
    """The table for the running system whose edge has the address `edge`.

    `fill` adds the rows of the table to `rows`. If the responses of an RPC reveal to a caller whether a resource
    exists, `fill` adds a sentence to `leaks`.
    """

    def __init__(self, edge: str, actors: Actors) -> None:
        self._edge = edge
        self._actors = actors
        self._nothing = {name: str(new_id()) for name in actors.ids}
        self.rows: list[tuple[str, ...]] = []
        self.leaks: list[str] = []

    async def fill(self) -> None:
        """Call each RPC that identifies a resource, as each of the callers, and store the rows and leaks."""
        async with grpc.aio.insecure_channel(self._edge) as channel:
            for row in _ordered_rows():
                cells = [await self._cell(channel, row, name) for name in CALLERS]
                self.rows.append((row.name, *cells))
        self.rows.sort()

    async def _cell(self, channel: grpc.aio.Channel, row: Row, name: str) -> str:
        """Call the RPC of `row` as the caller `name`, and return the text of the cell.

        If the caller may not use the resource, but the responses reveal whether the resource exists, a sentence is
        added to `leaks`.
        """
        missing = await self._call(channel, row, name, self._nothing)
        existing = await self._call(channel, row, name, self._actors.ids)
        same = _visible(existing) == _visible(missing)
        if existing.refusal is None:
            return self._success(row, existing, missing, same=same)
        hides = existing.refusal.kind in _REFUSED or existing.reason in _ALSO_IF_MISSING
        if hides and not same:
            self.leaks.append(
                f"{row.name} tells the {name} whether the resource exists:"
                f" {_visible(existing)} if it does, {_visible(missing)} if not"
            )
        return existing.refusal.reason

    def _success(self, row: Row, existing: Outcome, missing: Outcome, *, same: bool) -> str:
        """Return the text of the cell for a call that succeeded.

        The text is "yes", "nothing", or the reason if the response contains a refusal. `same` is true if the responses
        for existing and missing resources are equal.
        """
        body = b"".join(existing.messages)
        if "refused" in row.method.output_type.fields_by_name:
            response: Any = message_factory.GetMessageClass(row.method.output_type).FromString(body)
            if response.HasField("refused"):
                return str(response.refused.reason)
        if missing.refusal is None and row.method.name.startswith("List"):
            # Each response may list resources of the caller, so the two responses may differ although neither contains
            # the learner's resources. Therefore check only whether the response contains ids of the learner's
            # resources.
            same = not any(self._actors.ids[name].encode() in body for name in _PERSONAL)
        return _NOTHING if same else _YES

    async def _call(
        self, channel: grpc.aio.Channel, row: Row, name: str, ids: dict[str, str]
    ) -> Outcome:
        body = _request_of(row, ids).SerializeToString()
        caller = Caller(name, token=self._actors.people[name].token)
        outcome = await by_grpc(channel, row.method, caller, [body])
        if not outcome.reason.startswith("TOKEN_"):
            return outcome
        # The token was refused because a call for an earlier row ended the sign-ins of this person.
        caller.token = await self._sign_in_again(name)
        return await by_grpc(channel, row.method, caller, [body])

    async def _sign_in_again(self, name: str) -> str | None:
        person = self._actors.people[name]
        try:
            signed_in = await sign_in(self._edge, person.email, person.password)
        except ServiceError:
            signed_in = await sign_in(self._edge, person.email, _NEW_PASSWORD)
        await signed_in.close()
        self._actors.people[name] = signed_in
        return signed_in.token


def _visible(outcome: Outcome) -> object:
    refusal = outcome.refusal
    if refusal is None:
        return list(outcome.messages)
    return refusal.kind, refusal.reason, refusal.message, refusal.metadata, refusal.violations


def _short(method: MethodDescriptor) -> str:
    return f"{method.containing_service.name}/{method.name}"


def table(found: list[tuple[str, ...]]) -> str:
    """Return the text of `ownership.md` with the rows `found`."""
    lines = [("RPC", *CALLERS), ("---",) * (len(CALLERS) + 1), *found]
    text = _HEAD + "".join(f"| {' | '.join(line)} |\n" for line in lines)
    text += "\n## RPCs that name no resource\n\n| RPC | why |\n| --- | --- |\n"
    return text + "".join(f"| {name} | {why} |\n" for name, why in sorted(WITHOUT_RESOURCE.items()))


async def generate(edge: str) -> tuple[str, list[str]]:
    """Create the actors, call every RPC at the address `edge`, and return the text of `ownership.md` and the leaks."""
    async with actors(edge) as created:
        ownership = Ownership(edge, created)
        await ownership.fill()
        return table(ownership.rows), ownership.leaks


async def _update() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Stack.running(Path(folder), ports=PortPlan.free(), durable=False) as stack:
            await demo_data.load(stack)
            text, leaks = await generate(stack.address("edge"))
    OWNERSHIP.write_text(text, encoding="utf-8")
    if leaks:
        raise SystemExit("\n".join(leaks))


if __name__ == "__main__":
    asyncio.run(_update())
