"""Tests of registrations and the completion of courses."""

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

from .harness import Harness, assessment, lesson

EXAM, SECOND = str(new_id()), str(new_id())


async def mine(harness: Harness, person_id: str) -> list[MyCourse]:
    response = await harness.learner(person_id).registrations.ListMyCourses(ListMyCoursesRequest())
    return list(response.courses)


async def test_courses_of_a_learner_have_pages_by_title(
    harness: Harness,
) -> None:
    courses = [await harness.course() for _ in range(3)]
    learner = await harness.person()
    for course in courses:
        await harness.administrator.registrations.CreateRegistration(
            CreateRegistrationRequest(person_id=learner.person_id, course_id=course.course_id)
        )
    request = ListMyCoursesRequest(page_size=2)
    client = harness.learner(learner.person_id).registrations
    first = await client.ListMyCourses(request)
    request.page_token = first.next_page_token
    rest = await client.ListMyCourses(request)
    listed = [each.course.course_id for each in (*first.courses, *rest.courses)]
    assert (len(first.courses), rest.next_page_token) == (2, "")
    assert sorted(listed) == sorted(course.course_id for course in courses)


async def test_learner_is_registered_once_and_the_event_published(harness: Harness) -> None:
    course = await harness.course()
    person = await harness.person()
    request = CreateRegistrationRequest(
        request_id=str(new_id()), person_id=person.person_id, course_id=course.course_id
    )
    first = await harness.administrator.registrations.CreateRegistration(request)
    assert await harness.administrator.registrations.CreateRegistration(request) == first
    (event,) = await harness.events(RegistrationCreated)
    assert event == RegistrationCreated(
        registration_id=first.registration.registration_id,
        person_id=person.person_id,
        course_id=course.course_id,
    )
    request.request_id = ""
    repeated = await refusal(harness.administrator.registrations.CreateRegistration(request))
    assert (repeated.kind, repeated.reason) == (Kind.ALREADY_EXISTS, "ALREADY_REGISTERED")
    assert await harness.count(registrations) == 1


async def test_registration_needs_an_existing_person_and_course(harness: Harness) -> None:
    course = await harness.course()
    draft = await harness.course(published=False)
    learner, proctor = await harness.person(), await harness.person("proctor")
    for person_id, course_id, reason in (
        (str(new_id()), course.course_id, "NOT_FOUND"),
        (learner.person_id, str(new_id()), "NOT_FOUND"),
        (learner.person_id, draft.course_id, "COURSE_NOT_PUBLISHED"),
        (proctor.person_id, course.course_id, "INVALID_STATE_TRANSITION"),
    ):
        request = CreateRegistrationRequest(person_id=person_id, course_id=course_id)
        error = await refusal(harness.administrator.registrations.CreateRegistration(request))
        assert error.reason == reason
    assert await harness.count(registrations) == 0
    assert await harness.events(RegistrationCreated) == []


async def test_only_administrators_register_and_list(harness: Harness) -> None:
    course = await harness.course()
    person = await harness.person()
    client = harness.client(person.person_id, "learner", "proctor").registrations
    request = CreateRegistrationRequest(person_id=person.person_id, course_id=course.course_id)
    assert (await refusal(client.CreateRegistration(request))).reason == "NOT_ALLOWED"
    listing = ListRegistrationsRequest(course_id=course.course_id)
    assert (await refusal(client.ListRegistrations(listing))).reason == "NOT_ALLOWED"
    assert await harness.count(registrations) == 0


async def test_registrations_have_pages_by_time(harness: Harness) -> None:
    course = await harness.course()
    registered = []
    for _ in range(3):
        harness.clock.move(seconds=1)
        registered.append(await harness.registered_learner(course.course_id))
    listed, token = [], ""
    while True:
        page = await harness.administrator.registrations.ListRegistrations(
            ListRegistrationsRequest(course_id=course.course_id, page_size=2, page_token=token)
        )
        listed += [registration.person_id for registration in page.registrations]
        token = page.next_page_token
        if not token:
            break
    assert listed == registered


async def test_page_token_of_another_course_is_refused(harness: Harness) -> None:
    course, other = await harness.course(), await harness.course()
    for _ in range(2):
        await harness.registered_learner(course.course_id)
    list_registrations = harness.administrator.registrations.ListRegistrations
    page = await list_registrations(
        ListRegistrationsRequest(course_id=course.course_id, page_size=1)
    )
    call = list_registrations(
        ListRegistrationsRequest(course_id=other.course_id, page_token=page.next_page_token)
    )
    assert (await refusal(call)).reason == "INVALID_PAGE_TOKEN"


async def test_learner_lists_their_own_courses_by_title(harness: Harness) -> None:
    second = await harness.course(COURSE_KIND_SELF_PACED, [lesson(), lesson("More")], title="B")
    first = await harness.course(title="A")
    person_id = await harness.registered_learner(second.course_id)
    await harness.register(person_id, first.course_id)
    courses = await mine(harness, person_id)
    assert [one.course.title for one in courses] == ["A", "B"]
    assert [one.course.kind for one in courses] == [COURSE_KIND_PROCTORED, COURSE_KIND_SELF_PACED]
    assert [one.unit_count for one in courses] == [1, 2]
    other = await harness.registered_learner(first.course_id)
    assert len(await mine(harness, other)) == 1


# Completion.


async def prepared(
    harness: Harness,
    units: Sequence[UnitContent],
    kind: CourseKind.ValueType = COURSE_KIND_PROCTORED,
) -> tuple[str, str]:
    course = await harness.course(kind, units)
    return course.course_id, await harness.registered_learner(course.course_id)


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


async def completed(harness: Harness, person_id: str) -> bool:
    (one,) = await mine(harness, person_id)
    published = [
        event
        for event in await harness.events(RegistrationCompleted)
        if event.person_id == person_id
    ]
    assert bool(published) == one.registration.HasField("complete_time")
    assert len(published) <= 1
    return bool(published)


async def test_passing_the_assessment_completes_the_course_once(harness: Harness) -> None:
    course_id, person_id = await prepared(harness, [lesson(), assessment(EXAM)])
    event = released(person_id, course_id)
    for _ in range(2):  # the event is redelivered
        await harness.deliver(event)
        assert await completed(harness, person_id)
    (one,) = await mine(harness, person_id)
    assert len(one.finished_unit_ids) == 1
    (progress,) = await harness.events(ProgressRecorded)
    assert [progress.unit_id] == one.finished_unit_ids
    assert progress.finished_unit_count == 1


@pytest.mark.parametrize("awards", [True, False])
async def test_completion_publishes_whether_the_course_awards_a_certificate(
    harness: Harness, awards: bool
) -> None:
    course = await harness.course(
        units=[assessment(EXAM)], title="First aid", awards_certificate=awards
    )
    assert course.awards_certificate is awards
    person_id = await harness.registered_learner(course.course_id)
    await harness.deliver(released(person_id, course.course_id))
    [event] = await harness.events(RegistrationCompleted)
    assert (event.course_title, event.awards_certificate) == ("First aid", awards)
    [listed] = await mine(harness, person_id)
    assert listed.course.awards_certificate is awards


async def test_failed_assessment_does_not_complete_the_course(harness: Harness) -> None:
    course_id, person_id = await prepared(harness, [assessment(EXAM)])
    await harness.deliver(released(person_id, course_id, passed=False))
    assert not await completed(harness, person_id)
    await harness.deliver(released(person_id, course_id))  # a later, passed exam
    assert await completed(harness, person_id)


async def test_course_is_completed_when_all_its_assessments_are_passed(
    harness: Harness,
) -> None:
    course_id, person_id = await prepared(harness, [assessment(EXAM), assessment(SECOND)])
    await harness.deliver(released(person_id, course_id, assessment_id=SECOND))
    assert not await completed(harness, person_id)
    await harness.deliver(released(person_id, course_id))
    assert await completed(harness, person_id)


async def test_latest_version_of_a_result_counts_in_any_order(
    harness: Harness,
) -> None:
    course_id, person_id = await prepared(harness, [assessment(EXAM)])
    result_id = str(new_id())
    first = released(person_id, course_id, passed=False, result_id=result_id)
    corrected = released(person_id, course_id, result_id=result_id, version=2)
    await harness.deliver(corrected)
    assert await completed(harness, person_id)
    await harness.deliver(first)
    assert await completed(harness, person_id)

    course_id, person_id = await prepared(harness, [assessment(EXAM), assessment(SECOND)])
    withdrawn = str(new_id())
    await harness.deliver(
        released(person_id, course_id, result_id=withdrawn, passed=False, version=2)
    )
    await harness.deliver(released(person_id, course_id, result_id=withdrawn))
    await harness.deliver(released(person_id, course_id, assessment_id=SECOND))
    assert not await completed(harness, person_id)


async def test_another_course_or_learner_is_not_completed(harness: Harness) -> None:
    course_id, person_id = await prepared(harness, [assessment(EXAM)])
    other_course = await harness.course(units=[assessment(EXAM)])
    other_person = await harness.registered_learner(other_course.course_id)
    await harness.deliver(released(person_id, other_course.course_id))
    await harness.deliver(released(str(new_id()), course_id))
    assert not await completed(harness, person_id)
    assert not await completed(harness, other_person)


async def test_result_outside_of_a_session_counts_only_for_self_paced_courses(
    harness: Harness,
) -> None:
    exam = str(new_id())
    _, alone = await prepared(harness, [assessment(exam)], COURSE_KIND_SELF_PACED)
    _, supervised = await prepared(harness, [assessment(exam)])
    await harness.deliver(released(alone, "", assessment_id=exam))
    await harness.deliver(released(supervised, "", assessment_id=exam))
    assert await completed(harness, alone)
    assert not await completed(harness, supervised)


async def test_result_before_the_registration_counts(harness: Harness) -> None:
    course = await harness.course(units=[assessment(EXAM)])
    person = await harness.person()
    await harness.deliver(released(person.person_id, course.course_id))
    registration = await harness.register(person.person_id, course.course_id)
    assert registration.HasField("complete_time")
    assert await completed(harness, person.person_id)


async def test_course_without_assessments_is_completed_by_its_units(
    harness: Harness,
) -> None:
    course = await harness.course(COURSE_KIND_SELF_PACED, [lesson(), lesson("More")])
    person_id = await harness.registered_learner(course.course_id)
    courses = harness.learner(person_id).courses
    await courses.RecordProgress(RecordProgressRequest(unit_id=course.units[0].unit_id))
    assert not await completed(harness, person_id)
    response = await courses.RecordProgress(RecordProgressRequest(unit_id=course.units[1].unit_id))
    assert response.my_course.registration.HasField("complete_time")
    assert await completed(harness, person_id)
