from __future__ import annotations

from collections.abc import Sequence

import pytest

from proctorium.assessment.events.v1.events_pb2 import ResultReleased
from proctorium.enrollment.events.v1.events_pb2 import (
    ProgressRecorded,
    RegistrationCompleted,
    RegistrationCreated,
)
from proctorium.enrollment.v1.courses_pb2 import (
    COURSE_KIND_PROCTORED,
    COURSE_KIND_SELF_PACED,
    CourseKind,
    CreateRegistrationRequest,
    ListMyCoursesRequest,
    ListRegistrationsRequest,
    MyCourse,
    RecordProgressRequest,
    UnitContent,
)
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_enrollment.storage.tables import registrations

from .enrollment import Enrollment, assessment, lesson

EXAM, SECOND = str(new_id()), str(new_id())


async def mine(enrollment: Enrollment, person_id: str) -> list[MyCourse]:
    answer = await enrollment.learner(person_id).registrations.ListMyCourses(ListMyCoursesRequest())
    return list(answer.courses)


async def test_courses_of_a_learner_have_pages_by_title(
    enrollment: Enrollment,
) -> None:
    courses = [await enrollment.course() for _ in range(3)]
    learner = await enrollment.person()
    for course in courses:
        await enrollment.administrator.registrations.CreateRegistration(
            CreateRegistrationRequest(person_id=learner.person_id, course_id=course.course_id)
        )
    request = ListMyCoursesRequest(page_size=2)
    client = enrollment.learner(learner.person_id).registrations
    first = await client.ListMyCourses(request)
    request.page_token = first.next_page_token
    rest = await client.ListMyCourses(request)
    listed = [each.course.course_id for each in (*first.courses, *rest.courses)]
    assert (len(first.courses), rest.next_page_token) == (2, "")
    assert sorted(listed) == sorted(course.course_id for course in courses)


async def test_learner_is_registered_once_and_the_event_published(enrollment: Enrollment) -> None:
    course = await enrollment.course()
    person = await enrollment.person()
    request = CreateRegistrationRequest(
        request_id=str(new_id()), person_id=person.person_id, course_id=course.course_id
    )
    first = await enrollment.administrator.registrations.CreateRegistration(request)
    assert await enrollment.administrator.registrations.CreateRegistration(request) == first
    (event,) = await enrollment.events(RegistrationCreated)
    assert event == RegistrationCreated(
        registration_id=first.registration.registration_id,
        person_id=person.person_id,
        course_id=course.course_id,
    )
    request.request_id = ""
    again = await refusal(enrollment.administrator.registrations.CreateRegistration(request))
    assert (again.kind, again.reason) == (Kind.ALREADY_EXISTS, "ALREADY_REGISTERED")
    assert await enrollment.count(registrations) == 1


async def test_registration_needs_an_existing_person_and_course(enrollment: Enrollment) -> None:
    course = await enrollment.course()
    draft = await enrollment.course(published=False)
    learner, proctor = await enrollment.person(), await enrollment.person("proctor")
    for person_id, course_id, reason in (
        (str(new_id()), course.course_id, "NOT_FOUND"),
        (learner.person_id, str(new_id()), "NOT_FOUND"),
        (learner.person_id, draft.course_id, "COURSE_NOT_PUBLISHED"),
        (proctor.person_id, course.course_id, "INVALID_STATE_TRANSITION"),
    ):
        request = CreateRegistrationRequest(person_id=person_id, course_id=course_id)
        wrong = await refusal(enrollment.administrator.registrations.CreateRegistration(request))
        assert wrong.reason == reason
    assert await enrollment.count(registrations) == 0
    assert await enrollment.events(RegistrationCreated) == []


async def test_only_administrators_register_and_list(enrollment: Enrollment) -> None:
    course = await enrollment.course()
    person = await enrollment.person()
    client = enrollment.client(person.person_id, "learner", "proctor").registrations
    request = CreateRegistrationRequest(person_id=person.person_id, course_id=course.course_id)
    assert (await refusal(client.CreateRegistration(request))).reason == "NOT_ALLOWED"
    listing = ListRegistrationsRequest(course_id=course.course_id)
    assert (await refusal(client.ListRegistrations(listing))).reason == "NOT_ALLOWED"
    assert await enrollment.count(registrations) == 0


async def test_registrations_have_pages_by_time(enrollment: Enrollment) -> None:
    course = await enrollment.course()
    registered = []
    for _ in range(3):
        enrollment.clock.move(seconds=1)
        registered.append(await enrollment.registered_learner(course.course_id))
    listed, token = [], ""
    while True:
        page = await enrollment.administrator.registrations.ListRegistrations(
            ListRegistrationsRequest(course_id=course.course_id, page_size=2, page_token=token)
        )
        listed += [registration.person_id for registration in page.registrations]
        token = page.next_page_token
        if not token:
            break
    assert listed == registered


async def test_page_token_of_another_course_is_refused(enrollment: Enrollment) -> None:
    course, other = await enrollment.course(), await enrollment.course()
    for _ in range(2):
        await enrollment.registered_learner(course.course_id)
    list_registrations = enrollment.administrator.registrations.ListRegistrations
    page = await list_registrations(
        ListRegistrationsRequest(course_id=course.course_id, page_size=1)
    )
    call = list_registrations(
        ListRegistrationsRequest(course_id=other.course_id, page_token=page.next_page_token)
    )
    assert (await refusal(call)).reason == "INVALID_PAGE_TOKEN"


async def test_learner_lists_their_own_courses_by_title(enrollment: Enrollment) -> None:
    second = await enrollment.course(COURSE_KIND_SELF_PACED, [lesson(), lesson("More")], title="B")
    first = await enrollment.course(title="A")
    person_id = await enrollment.registered_learner(second.course_id)
    await enrollment.register(person_id, first.course_id)
    courses = await mine(enrollment, person_id)
    assert [one.course.title for one in courses] == ["A", "B"]
    assert [one.course.kind for one in courses] == [COURSE_KIND_PROCTORED, COURSE_KIND_SELF_PACED]
    assert [one.unit_count for one in courses] == [1, 2]
    other = await enrollment.registered_learner(first.course_id)
    assert len(await mine(enrollment, other)) == 1


# Completion.


async def prepared(
    enrollment: Enrollment,
    units: Sequence[UnitContent],
    kind: CourseKind.ValueType = COURSE_KIND_PROCTORED,
) -> tuple[str, str]:
    course = await enrollment.course(kind, units)
    return course.course_id, await enrollment.registered_learner(course.course_id)


def released(
    person_id: str,
    course_id: str,
    *,
    passed: bool = True,
    assessment_id: str = EXAM,
    result_id: str = "",
    version: int = 1,
) -> ResultReleased:
    return ResultReleased(
        result_id=result_id or str(new_id()),
        attempt_id=str(new_id()),
        assessment_id=assessment_id,
        person_id=person_id,
        course_id=course_id,
        passed=passed,
        version=version,
    )


async def completed(enrollment: Enrollment, person_id: str) -> bool:
    (one,) = await mine(enrollment, person_id)
    told = [
        event
        for event in await enrollment.events(RegistrationCompleted)
        if event.person_id == person_id
    ]
    assert bool(told) == one.registration.HasField("complete_time")
    assert len(told) <= 1
    return bool(told)


async def test_passing_the_assessment_completes_the_course_once(enrollment: Enrollment) -> None:
    course_id, person_id = await prepared(enrollment, [lesson(), assessment(EXAM)])
    event = released(person_id, course_id)
    for _ in range(2):  # told twice
        await enrollment.tell(event)
        assert await completed(enrollment, person_id)
    (one,) = await mine(enrollment, person_id)
    assert len(one.finished_unit_ids) == 1
    (progress,) = await enrollment.events(ProgressRecorded)
    assert [progress.unit_id] == one.finished_unit_ids


@pytest.mark.parametrize("awards", [True, False])
async def test_completion_publishes_whether_the_course_awards_a_certificate(
    enrollment: Enrollment, awards: bool
) -> None:
    course = await enrollment.course(
        units=[assessment(EXAM)], title="First aid", awards_certificate=awards
    )
    assert course.awards_certificate is awards
    person_id = await enrollment.registered_learner(course.course_id)
    await enrollment.tell(released(person_id, course.course_id))
    [event] = await enrollment.events(RegistrationCompleted)
    assert (event.course_title, event.awards_certificate) == ("First aid", awards)
    [mine_] = await mine(enrollment, person_id)
    assert mine_.course.awards_certificate is awards


async def test_failed_assessment_does_not_complete_the_course(enrollment: Enrollment) -> None:
    course_id, person_id = await prepared(enrollment, [assessment(EXAM)])
    await enrollment.tell(released(person_id, course_id, passed=False))
    assert not await completed(enrollment, person_id)
    await enrollment.tell(released(person_id, course_id))  # a retake
    assert await completed(enrollment, person_id)


async def test_course_is_completed_when_all_its_assessments_are_passed(
    enrollment: Enrollment,
) -> None:
    course_id, person_id = await prepared(enrollment, [assessment(EXAM), assessment(SECOND)])
    await enrollment.tell(released(person_id, course_id, assessment_id=SECOND))
    assert not await completed(enrollment, person_id)
    await enrollment.tell(released(person_id, course_id))
    assert await completed(enrollment, person_id)


async def test_latest_version_of_a_result_counts_in_any_order(
    enrollment: Enrollment,
) -> None:
    course_id, person_id = await prepared(enrollment, [assessment(EXAM)])
    result_id = str(new_id())
    first = released(person_id, course_id, passed=False, result_id=result_id)
    corrected = released(person_id, course_id, result_id=result_id, version=2)
    await enrollment.tell(corrected)
    assert await completed(enrollment, person_id)
    await enrollment.tell(first)
    assert await completed(enrollment, person_id)

    course_id, person_id = await prepared(enrollment, [assessment(EXAM), assessment(SECOND)])
    withdrawn = str(new_id())
    await enrollment.tell(
        released(person_id, course_id, result_id=withdrawn, passed=False, version=2)
    )
    await enrollment.tell(released(person_id, course_id, result_id=withdrawn))
    await enrollment.tell(released(person_id, course_id, assessment_id=SECOND))
    assert not await completed(enrollment, person_id)


async def test_another_course_or_learner_is_not_completed(enrollment: Enrollment) -> None:
    course_id, person_id = await prepared(enrollment, [assessment(EXAM)])
    other_course = await enrollment.course(units=[assessment(EXAM)])
    other_person = await enrollment.registered_learner(other_course.course_id)
    await enrollment.tell(released(person_id, other_course.course_id))
    await enrollment.tell(released(str(new_id()), course_id))
    assert not await completed(enrollment, person_id)
    assert not await completed(enrollment, other_person)


async def test_result_outside_of_a_session_counts_only_for_self_paced_courses(
    enrollment: Enrollment,
) -> None:
    exam = str(new_id())
    _, alone = await prepared(enrollment, [assessment(exam)], COURSE_KIND_SELF_PACED)
    _, supervised = await prepared(enrollment, [assessment(exam)])
    await enrollment.tell(released(alone, "", assessment_id=exam))
    await enrollment.tell(released(supervised, "", assessment_id=exam))
    assert await completed(enrollment, alone)
    assert not await completed(enrollment, supervised)


async def test_result_before_the_registration_counts(enrollment: Enrollment) -> None:
    course = await enrollment.course(units=[assessment(EXAM)])
    person = await enrollment.person()
    await enrollment.tell(released(person.person_id, course.course_id))
    registration = await enrollment.register(person.person_id, course.course_id)
    assert registration.HasField("complete_time")
    assert await completed(enrollment, person.person_id)


async def test_course_without_assessments_is_completed_by_its_units(
    enrollment: Enrollment,
) -> None:
    course = await enrollment.course(COURSE_KIND_SELF_PACED, [lesson(), lesson("More")])
    person_id = await enrollment.registered_learner(course.course_id)
    courses = enrollment.learner(person_id).courses
    await courses.RecordProgress(RecordProgressRequest(unit_id=course.units[0].unit_id))
    assert not await completed(enrollment, person_id)
    answer = await courses.RecordProgress(RecordProgressRequest(unit_id=course.units[1].unit_id))
    assert answer.my_course.registration.HasField("complete_time")
    assert await completed(enrollment, person_id)
