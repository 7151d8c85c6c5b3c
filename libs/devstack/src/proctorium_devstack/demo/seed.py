"""The demo data: an organisation, people, two courses, an assessment, and a session that starts soon.

If the demo data is loaded again, only missing objects are created. Existing people are found by e-mail address, and
other existing objects by request id. If the demo session has ended, a new session is scheduled. A learner can take an
assessment only once. Therefore, after a demo learner has submitted the assessment, the next session belongs to a new
course with a new assessment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import NAMESPACE_URL, uuid5

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.assessment.v1.assessments_pb2 import (
    Assessment,
    CreateAssessmentRequest,
    PublishAssessmentRequest,
)
from proctorium.assessment.v1.attempts_pb2 import (
    ATTEMPT_STATE_RELEASED,
    ATTEMPT_STATE_SCORED,
    ATTEMPT_STATE_SUBMITTED,
    ListAttemptsRequest,
)
from proctorium.assessment.v1.items_pb2 import (
    CHOICE_SCORING_PARTIAL_CREDIT,
    Choice,
    Item,
    MultipleChoice,
    Numeric,
    SingleChoice,
    TrueFalse,
)
from proctorium.enrollment.v1.codes_pb2 import CODE_STATE_ACTIVE, ListCodesRequest
from proctorium.enrollment.v1.courses_pb2 import (
    COURSE_KIND_PROCTORED,
    COURSE_KIND_SELF_PACED,
    CreateCourseRequest,
    CreateRegistrationRequest,
    PublishCourseRequest,
    UnitContent,
)
from proctorium.enrollment.v1.organisation_pb2 import (
    GetOrganisationRequest,
    Organisation,
    UpdateOrganisationRequest,
)
from proctorium.enrollment.v1.people_pb2 import (
    CertifyProctorRequest,
    CreatePersonRequest,
    ListPeopleRequest,
)
from proctorium.enrollment.v1.people_pb2 import (
    Person as PersonMessage,
)
from proctorium.options.v1.options_pb2 import ROLE_LEARNER, ROLE_PROCTOR, Role
from proctorium.session.v1.sessions_pb2 import (
    IDENTITY_POLICY_BEFORE_ASSESSMENT,
    LATE_ENTRY_UNTIL,
    SESSION_STATE_CLOSING,
    SESSION_STATE_IN_PROGRESS,
    CancelSessionRequest,
    EndSessionRequest,
    LateEntry,
    ListSessionsRequest,
    ScheduleSessionRequest,
    Session,
    SessionPlan,
)
from proctorium_common.errors import Kind, ServiceError
from proctorium_devstack.demo.people import Person, SignIn, sign_in
from proctorium_devstack.demo.waiting import eventually

ADMINISTRATOR = SignIn("administrator", "Amara Okafor", "amara@example.org", "lantern-orchid-74")
PROCTOR = SignIn("proctor", "Piotr Nowak", "piotr@example.org", "harbour-violin-31")
LEARNER = SignIn("learner", "Lena Fischer", "lena@example.org", "meadow-copper-58")
SECOND_LEARNER = SignIn("learner", "Omar Haddad", "omar@example.org", "granite-sparrow-90")

COURSE_TITLE = "Laboratory safety"
_SUBMITTED_STATES = frozenset(
    {ATTEMPT_STATE_SUBMITTED, ATTEMPT_STATE_SCORED, ATTEMPT_STATE_RELEASED}
)
_STARTS_IN = timedelta(minutes=15)
_DURATION = timedelta(hours=2)
_CERTIFIED_FOR = timedelta(days=365)
_DATES_OF_BIRTH = {"lena@example.org": "2001-04-17", "omar@example.org": "1999-11-02"}


@dataclass(frozen=True)
class Seeded:
    """The ids of the demo data.

    The session and its code are None if the proctor leads another session at the same time.
    """

    course_id: str
    self_paced_course_id: str
    assessment_id: str
    session_id: str | None
    code: str | None
    sign_ins: tuple[SignIn, ...]


async def load(edge: str) -> Seeded:
    """Create the missing demo data through the edge at `host:port`. The administrator must already exist."""
    administrator = await sign_in(edge, ADMINISTRATOR.email, ADMINISTRATOR.password)
    try:
        await _name_organisation(administrator)
        proctor_id, *learner_ids = await _ensure_people(administrator)
        title, course_id, assessment_id = await _course_to_take(
            administrator, await _submitted(edge)
        )
        self_paced_course_id = await _create_self_paced_course(administrator)
        for learner_id in learner_ids:
            await register(administrator, learner_id, course_id)
            await register(administrator, learner_id, self_paced_course_id)
        session = await upcoming_session(
            administrator, plan(course_id, assessment_id, [proctor_id], learner_ids, title=title)
        )
        code = await code_of(administrator, session.session_id) if session else None
    finally:
        await administrator.close()
    return Seeded(
        course_id,
        self_paced_course_id,
        assessment_id,
        session.session_id if session else None,
        code,
        (LEARNER, SECOND_LEARNER, PROCTOR, ADMINISTRATOR),
    )


async def _submitted(edge: str) -> frozenset[str]:
    """Return the ids of the assessments for which a demo learner has a submitted attempt."""
    submitted: set[str] = set()
    for account in (LEARNER, SECOND_LEARNER):
        learner = await sign_in(edge, account.email, account.password)
        try:
            found = await learner.attempts.ListAttempts(ListAttemptsRequest(page_size=200))
        finally:
            await learner.close()
        submitted.update(
            each.assessment_id for each in found.attempts if each.state in _SUBMITTED_STATES
        )
    return frozenset(submitted)


async def _course_to_take(administrator: Person, submitted: frozenset[str]) -> tuple[str, str, str]:
    """Return the first demo course whose assessment is not in `submitted`: its title, course id and assessment id.

    Create the course if it does not exist. End the demo sessions of all earlier demo courses.
    """
    for number in count(1):
        key, title = (
            ("demo", COURSE_TITLE)
            if number == 1
            else (f"demo-{number}", f"{COURSE_TITLE} {number}")
        )
        assessment_id = await create_assessment(administrator, title, key)
        course_id = await create_course(administrator, assessment_id, key, title)
        if assessment_id not in submitted:
            return title, course_id, assessment_id
        await end_own_session(administrator, course_id, title)
    raise AssertionError("count() has no end")


async def end_own_session(administrator: Person, course_id: str, title: str) -> None:
    """End or cancel the demo session of a course, so that the demo proctor can lead the next session."""
    for session in await _live_sessions(administrator):
        if not _is_own(session, course_id, _session_title(title)):
            continue
        if session.state in (SESSION_STATE_IN_PROGRESS, SESSION_STATE_CLOSING):
            request = EndSessionRequest(session_id=session.session_id, end_now=True)
            await administrator.sessions.EndSession(request)
        else:
            await administrator.sessions.CancelSession(
                CancelSessionRequest(session_id=session.session_id)
            )


async def _name_organisation(administrator: Person) -> None:
    current = (
        await administrator.organisation.GetOrganisation(GetOrganisationRequest())
    ).organisation
    organisation = Organisation(
        name="Example Training Centre",
        administrator_contact=ADMINISTRATOR.email,
        support_phone="+44 20 7946 0123",
        etag=current.etag,
    )
    if current.name != organisation.name:
        await administrator.organisation.UpdateOrganisation(
            UpdateOrganisationRequest(organisation=organisation)
        )


async def _ensure_people(administrator: Person) -> list[str]:
    proctor = await ensure_person(administrator, PROCTOR, [ROLE_PROCTOR])
    await certify(administrator, proctor.person_id)
    learners = [
        await ensure_person(administrator, account, [ROLE_LEARNER])
        for account in (LEARNER, SECOND_LEARNER)
    ]
    return [person.person_id for person in (proctor, *learners)]


async def ensure_person(
    administrator: Person, account: SignIn, roles: list[Role.ValueType]
) -> PersonMessage:
    """Return the person with the e-mail address of `account`; create the person if there is none."""
    request = CreatePersonRequest(
        legal_name=account.name,
        preferred_name=account.name.split()[0],
        email=account.email,
        date_of_birth=_DATES_OF_BIRTH.get(account.email, "2000-01-01"),
        locale="en",
        time_zone="Europe/London",
        roles=roles,
        password=account.password,
    )
    try:
        return (await administrator.people.CreatePerson(request)).person
    except ServiceError as error:
        if error.reason != "EMAIL_TAKEN":
            raise
        return await _find_person(administrator, account.email)


async def _find_person(administrator: Person, email: str) -> PersonMessage:
    page_token = ""
    while True:
        page = await administrator.people.ListPeople(
            ListPeopleRequest(page_size=200, page_token=page_token)
        )
        for person in page.people:
            if person.email == email:
                return person
        page_token = page.next_page_token
        if not page_token:
            raise LookupError(f"{email} is in use, but no person has it")


async def certify(administrator: Person, proctor_id: str) -> None:
    """Certify a proctor for one year, starting now."""
    until = Timestamp()
    until.FromDatetime(datetime.now(UTC) + _CERTIFIED_FOR)
    await administrator.people.CertifyProctor(
        CertifyProctorRequest(person_id=proctor_id, certified_until_time=until)
    )


async def create_assessment(administrator: Person, title: str, key: str) -> str:
    """Create and publish an assessment, and return its id. Another call with the same `key` returns the same id."""
    request = CreateAssessmentRequest(
        request_id=_request_id("assessment", key), assessment=_assessment(title)
    )
    created = (await administrator.assessments.CreateAssessment(request)).assessment
    await administrator.assessments.PublishAssessment(
        PublishAssessmentRequest(assessment_id=created.assessment_id)
    )
    return created.assessment_id


def _assessment(title: str) -> Assessment:
    return Assessment(
        title=title,
        proctored=True,
        time_limit=Duration(seconds=3600),
        pass_mark=0.6,
        items=[
            Item(
                prompt="A beaker of acid has tipped over on the bench. What do you do first?",
                points=2,
                feedback="People first: warn everybody nearby, then make the place safe.",
                single_choice=SingleChoice(
                    choices=[
                        Choice(choice_id="a", text="Wipe it up with paper towels"),
                        Choice(choice_id="b", text="Warn the people nearby"),
                        Choice(choice_id="c", text="Write it in the log"),
                    ],
                    correct_choice_id="b",
                ),
            ),
            Item(
                prompt="Which of these belong to working at the fume hood?",
                points=3,
                feedback="Sandals never do.",
                multiple_choice=MultipleChoice(
                    choices=[
                        Choice(choice_id="goggles", text="Goggles"),
                        Choice(choice_id="gloves", text="Gloves"),
                        Choice(choice_id="coat", text="A closed coat"),
                        Choice(choice_id="sandals", text="Sandals"),
                    ],
                    correct_choice_ids=["goggles", "gloves", "coat"],
                    scoring=CHOICE_SCORING_PARTIAL_CREDIT,
                ),
            ),
            Item(
                prompt="Water is poured into concentrated acid, never the other way round.",
                points=1,
                feedback="It is the acid that goes into the water.",
                true_false=TrueFalse(correct=False),
            ),
            Item(
                prompt="A solution is diluted from 2.0 mol/L to a fifth. What is its concentration now?",
                points=2,
                feedback="2.0 mol/L / 5 = 0.4 mol/L.",
                numeric=Numeric(correct=0.4, tolerance=0.01, unit="mol/L"),
            ),
        ],
    )


async def create_course(
    administrator: Person,
    assessment_id: str,
    key: str,
    title: str = COURSE_TITLE,
    *,
    further: Mapping[str, str] | None = None,
) -> str:
    """Create and publish a proctored course, and return its id.

    `further` maps the titles of further assessments to their ids.
    """
    return await _create_course(
        administrator,
        CreateCourseRequest(
            request_id=_request_id("course", key),
            title=title,
            description="What everybody who works in our laboratories must know, with a supervised examination.",
            kind=COURSE_KIND_PROCTORED,
            hours=6,
            awards_certificate=True,
            units=[
                UnitContent(
                    title="Before you begin",
                    markdown="Put on **goggles** and a closed coat. Know where the *eye wash* is.",
                ),
                *(
                    UnitContent(title=name, assessment_id=each)
                    for name, each in {"Examination": assessment_id, **(further or {})}.items()
                ),
            ],
        ),
    )


async def _create_self_paced_course(administrator: Person) -> str:
    return await _create_course(
        administrator,
        CreateCourseRequest(
            request_id=_request_id("course", "self-paced"),
            title="Reading a safety data sheet",
            description="An introduction, at your own speed.",
            kind=COURSE_KIND_SELF_PACED,
            hours=1,
            units=[
                UnitContent(
                    title="The sixteen sections",
                    markdown="# The sixteen sections\n\nSection 4 says what to do when somebody was hurt.",
                )
            ],
        ),
    )


async def _create_course(administrator: Person, request: CreateCourseRequest) -> str:
    course_id = (await administrator.courses.CreateCourse(request)).course.course_id
    await administrator.courses.PublishCourse(PublishCourseRequest(course_id=course_id))
    return course_id


async def register(administrator: Person, learner_id: str, course_id: str) -> None:
    """Register a learner in a course if the learner is not registered yet."""
    try:
        await administrator.registrations.CreateRegistration(
            CreateRegistrationRequest(person_id=learner_id, course_id=course_id)
        )
    except ServiceError as error:
        if error.kind is not Kind.ALREADY_EXISTS:
            raise


def plan(
    course_id: str,
    assessment_id: str,
    proctor_ids: list[str],
    learner_ids: list[str],
    *,
    title: str = COURSE_TITLE,
    starts_in: timedelta = _STARTS_IN,
    capacity: int = 30,
    late_entry: LateEntry.ValueType = LATE_ENTRY_UNTIL,
    uncovered_after: timedelta = timedelta(seconds=30),
    closing_countdown: timedelta = timedelta(),
    reopen_window: timedelta = timedelta(),
) -> SessionPlan:
    """Return the plan of a session of a course.

    In this plan, the lobby opens immediately. By default, the session ends without a countdown.
    """
    start = Timestamp()
    start.FromDatetime(datetime.now(UTC) + starts_in)
    return SessionPlan(
        course_id=course_id,
        assessment_ids=[assessment_id],
        title=_session_title(title),
        start_time=start,
        duration=Duration(seconds=int(_DURATION.total_seconds())),
        proctor_ids=proctor_ids,
        learner_ids=learner_ids,
        capacity=capacity,
        lobby_lead=Duration(seconds=3600),
        late_entry=late_entry,
        late_entry_limit=Duration(seconds=3600),
        identity_policy=IDENTITY_POLICY_BEFORE_ASSESSMENT,
        uncovered_after=Duration(seconds=int(uncovered_after.total_seconds())),
        closing_countdown=Duration(seconds=int(closing_countdown.total_seconds())),
        reopen_window=Duration(seconds=int(reopen_window.total_seconds())),
    )


async def upcoming_session(administrator: Person, session_plan: SessionPlan) -> Session | None:
    """Return the demo session. Schedule the session if it does not exist.

    Return None if the proctor leads another session at the same time.
    """
    now = datetime.now(UTC)
    for session in await _live_sessions(administrator):
        ends = session.plan.start_time.ToDatetime(UTC) + _DURATION
        if _is_own(session, session_plan.course_id, session_plan.title) and ends > now:
            return session
    try:
        return await schedule(administrator, session_plan)
    except ServiceError as error:
        if error.reason != "PROCTOR_OVERLAP":
            raise
        return None


def _is_own(session: Session, course_id: str, title: str) -> bool:
    """Return whether `session` is the demo session of the course.

    A demo session starts soon after it was scheduled. A later session with the same title is not the demo session,
    because an administrator scheduled it.
    """
    soon = datetime.now(UTC) + _STARTS_IN
    return (
        session.plan.course_id == course_id
        and session.plan.title == title
        and session.plan.start_time.ToDatetime(UTC) <= soon
    )


def _session_title(course_title: str) -> str:
    return f"{course_title}: examination"


async def _live_sessions(administrator: Person) -> Sequence[Session]:
    request = ListSessionsRequest(live_only=True, page_size=200)
    return (await administrator.sessions.ListSessions(request)).sessions


async def schedule(administrator: Person, session_plan: SessionPlan) -> Session:
    """Schedule a session."""
    request = ScheduleSessionRequest(plan=session_plan)
    return (await administrator.sessions.ScheduleSession(request)).session


async def code_of(person: Person, session_id: str) -> str:
    """Wait until enrollment has issued the shared code of the session, and return the code."""

    async def find() -> str | None:
        try:
            listed = await person.codes.ListCodes(ListCodesRequest(session_id=session_id))
        except ServiceError as error:
            # Until enrollment has received the event of the new session, enrollment returns one of these errors.
            if error.kind is not Kind.NOT_FOUND and error.reason != "SESSION_UNKNOWN":
                raise
            return None
        active = (code for code in listed.codes if code.state == CODE_STATE_ACTIVE)
        return next((code.text for code in active if not code.person_id), None)

    return await eventually(find, "the session's enrollment code")


def _request_id(what: str, key: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"proctorium-demo/{what}/{key}"))
