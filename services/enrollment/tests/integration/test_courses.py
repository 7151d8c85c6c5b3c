"""Tests of the creation and publication of courses, access to their content, and progress of learners."""

from __future__ import annotations

import pytest

from proctorium.enrollment.events.v1.events_pb2 import CoursePublished, ProgressRecorded
from proctorium.enrollment.v1.courses_pb2 import (
    COURSE_KIND_PROCTORED,
    COURSE_KIND_SELF_PACED,
    UNIT_KIND_ASSESSMENT,
    UNIT_KIND_LESSON,
    UNIT_KIND_LINK,
    Course,
    CourseKind,
    CreateCourseRequest,
    GetCourseRequest,
    GetLessonRequest,
    ListCoursesRequest,
    PublishCourseRequest,
    RecordProgressRequest,
    UnitContent,
)
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_enrollment.storage.tables import courses, progress

from .harness import (
    Client,
    Harness,
    assessment,
    ended_event,
    joined_event,
    lesson,
    link,
    removed_event,
    started_event,
)


async def outline(client: Client, course: Course) -> Course:
    return (await client.courses.GetCourse(GetCourseRequest(course_id=course.course_id))).course


async def test_course_is_created_and_published(harness: Harness) -> None:
    exam = str(new_id())
    request = CreateCourseRequest(
        request_id=str(new_id()),
        title="Laboratory safety",
        description="What everybody must know.",
        kind=COURSE_KIND_PROCTORED,
        hours=6.5,
        units=[lesson(), link(), assessment(exam)],
    )
    created = await harness.administrator.courses.CreateCourse(request)
    repeated = await harness.administrator.courses.CreateCourse(request)
    assert repeated == created
    assert await harness.count(courses) == 1
    course = created.course
    assert not course.HasField("publish_time")
    assert [unit.kind for unit in course.units] == [
        UNIT_KIND_LESSON,
        UNIT_KIND_LINK,
        UNIT_KIND_ASSESSMENT,
    ]
    assert course.units[1].url == "https://example.org/rules"
    assert course.units[2].assessment_id == exam

    publish = PublishCourseRequest(course_id=course.course_id)
    published = [
        (await harness.administrator.courses.PublishCourse(publish)).course for _ in range(2)
    ]
    assert published[0] == published[1]
    assert published[0].HasField("publish_time")
    (event,) = await harness.events(CoursePublished)
    assert event == CoursePublished(
        course_id=course.course_id,
        title="Laboratory safety",
        kind=COURSE_KIND_PROCTORED,
        hours=6.5,
        assessment_ids=[exam],
    )


@pytest.mark.parametrize(
    "unit",
    [
        UnitContent(title="No content"),
        UnitContent(title="Empty", markdown=""),
        UnitContent(title="Nowhere", url=""),
        UnitContent(title="Unsafe", url="http://example.org"),
        UnitContent(title="Active", url="javascript:alert(1)"),
        UnitContent(title="None", assessment_id=""),
        UnitContent(markdown="a"),
    ],
    ids=lambda unit: unit.title or "untitled",
)
async def test_unit_without_a_title_or_valid_content_is_refused(
    harness: Harness, unit: UnitContent
) -> None:
    request = CreateCourseRequest(title="Course", kind=COURSE_KIND_PROCTORED, units=[unit])
    error = await refusal(harness.administrator.courses.CreateCourse(request))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert error.violations[0].field.startswith("units[0]")
    assert await harness.count(courses) == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://",
        "https:///rules",
        "https://x y",
        "https://example.org/a b",
        "https://example.org/a\u00a0b",
        "https://[::1",
        "https://-/",
        "https://example.org:/",
        "https://example.org@evil.example/",
        "https://example.org\\@evil.example/",
        "HTTPS//example.org",
        "see https://example.org",
    ],
)
async def test_link_without_a_host_is_refused(harness: Harness, url: str) -> None:
    request = CreateCourseRequest(
        title="Course", kind=COURSE_KIND_PROCTORED, units=[link(), link(url=url)]
    )
    error = await refusal(harness.administrator.courses.CreateCourse(request))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert [violation.field for violation in error.violations] == ["units[1].url"]
    assert await harness.count(courses) == 0


async def test_valid_links_are_stored_unchanged(harness: Harness) -> None:
    urls = [
        "https://example.org",
        "https://example.org.:8443/rules?a=b&c=d%20e#top",
        "https://münchen.example/prüfung/日本?q=ä",
        "https://xn--mnchen-3ya.example#top",
        "https://उदाहरण.example/",
        "https://192.0.2.1?x",
        "https://a_b.example-1.org/~me/@me/x:y",
    ]
    course = await harness.course(units=[link(url=url) for url in urls])
    assert [unit.url for unit in course.units] == urls


async def test_assessment_of_a_unit_needs_a_valid_id(harness: Harness) -> None:
    request = CreateCourseRequest(
        title="Course", kind=COURSE_KIND_PROCTORED, units=[assessment("the exam")]
    )
    call = harness.administrator.courses.CreateCourse(request)
    assert (await refusal(call)).reason == "INVALID_REQUEST"


async def create_with(
    harness: Harness, kind: CourseKind.ValueType, *units: UnitContent
) -> ServiceError:
    request = CreateCourseRequest(title="Course", kind=kind, units=[lesson(), *units])
    return await refusal(harness.administrator.courses.CreateCourse(request))


async def test_outline_with_an_unusable_assessment_is_refused(
    harness: Harness,
) -> None:
    good, unknown, draft, proctored = (str(new_id()) for _ in range(4))
    harness.assessment.unknown.add(unknown)
    harness.assessment.drafts.add(draft)
    harness.assessment.proctored.add(proctored)
    units = [assessment(each) for each in (good, unknown, draft, proctored)]
    refusal = await create_with(harness, COURSE_KIND_SELF_PACED, *units)
    assert (refusal.kind, refusal.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert [(each.field, each.rule) for each in refusal.violations] == [
        ("units[2].assessment_id", "assessment.unknown"),
        ("units[3].assessment_id", "assessment.published"),
        ("units[4].assessment_id", "assessment.proctored"),
    ]
    assert await harness.count(courses) == 0
    course = await harness.course(kind=COURSE_KIND_PROCTORED, units=[assessment(proctored)])
    assert [unit.assessment_id for unit in course.units] == [proctored]


async def test_course_with_assessments_needs_the_assessment_service(
    harness: Harness,
) -> None:
    exam = assessment(str(new_id()))
    async with harness.without(harness.assessment):
        refusal = await create_with(harness, COURSE_KIND_PROCTORED, exam)
        assert (refusal.kind, refusal.reason) == (Kind.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
        await harness.course(units=[lesson()])
    await harness.course(units=[exam])


async def test_only_administrators_create_and_publish_courses(harness: Harness) -> None:
    course = await harness.course(published=False)
    client = harness.client(new_id(), "learner", "proctor").courses
    create = CreateCourseRequest(title="Mine", kind=COURSE_KIND_SELF_PACED)
    assert (await refusal(client.CreateCourse(create))).reason == "NOT_ALLOWED"
    publish = PublishCourseRequest(course_id=course.course_id)
    assert (await refusal(client.PublishCourse(publish))).reason == "NOT_ALLOWED"
    assert await harness.events(CoursePublished) == []


async def test_publishing_an_unknown_course_is_not_found(harness: Harness) -> None:
    call = harness.administrator.courses.PublishCourse(
        PublishCourseRequest(course_id=str(new_id()))
    )
    assert (await refusal(call)).reason == "NOT_FOUND"


async def listed(client: Client) -> dict[str, Course]:
    found: dict[str, Course] = {}
    titles, token = [], ""
    while True:
        page = await client.courses.ListCourses(ListCoursesRequest(page_size=7, page_token=token))
        found |= {course.course_id: course for course in page.courses}
        titles += [course.title for course in page.courses]
        token = page.next_page_token
        if not token:
            break
    assert titles == sorted(titles)
    return found


async def test_list_has_kinds_and_hides_unpublished_courses(
    harness: Harness,
) -> None:
    proctored = await harness.course()
    alone = await harness.course(COURSE_KIND_SELF_PACED, title="Alone")
    hidden = await harness.course(published=False)
    for role in ("learner", "proctor"):
        seen = await listed(harness.client(new_id(), role))
        assert seen[proctored.course_id].kind == COURSE_KIND_PROCTORED
        assert seen[alone.course_id].kind == COURSE_KIND_SELF_PACED
        assert hidden.course_id not in seen
        assert not seen[proctored.course_id].units
    assert hidden.course_id in await listed(harness.administrator)


async def test_page_token_of_the_administrators_list_is_refused_for_others(
    harness: Harness,
) -> None:
    for _ in range(2):
        await harness.course()
    page = await harness.administrator.courses.ListCourses(ListCoursesRequest(page_size=1))
    call = harness.client(new_id(), "learner").courses.ListCourses(
        ListCoursesRequest(page_token=page.next_page_token)
    )
    assert (await refusal(call)).reason == "INVALID_PAGE_TOKEN"


async def test_only_administrators_see_an_unpublished_course(
    harness: Harness,
) -> None:
    course = await harness.course(published=False)
    request = GetCourseRequest(course_id=course.course_id)
    learner = harness.client(new_id(), "learner")
    assert (await refusal(learner.courses.GetCourse(request))).reason == "NOT_FOUND"
    opening = GetLessonRequest(unit_id=course.units[0].unit_id)
    assert (await refusal(learner.courses.GetLesson(opening))).reason == "NOT_FOUND"
    assert await outline(harness.administrator, course) == course


async def test_only_session_orchestration_reads_unpublished_courses(
    harness: Harness,
) -> None:
    exam = str(new_id())
    course = await harness.course(units=[lesson(), assessment(exam)], published=False)
    seen = await outline(harness.peer("session"), course)
    assert not seen.HasField("publish_time")
    assert [unit.assessment_id for unit in seen.units] == ["", exam]
    for name in ("edge", "assessment"):
        error = await refusal(outline(harness.peer(name), course))
        assert error.reason == "TOKEN_MISSING"


async def test_self_paced_content_is_open_to_registered_learners(harness: Harness) -> None:
    course = await harness.course(
        COURSE_KIND_SELF_PACED, [lesson(markdown="# Hello\n<script>alert(1)</script>"), link()]
    )
    learner = harness.learner(await harness.registered_learner(course.course_id))
    opened = await learner.courses.GetLesson(GetLessonRequest(unit_id=course.units[0].unit_id))
    assert opened.title == "Before you begin"
    assert "<h1>Hello</h1>" in opened.html
    assert "<script" not in opened.html
    assert (await outline(learner, course)).units[1].url == "https://example.org/rules"

    stranger = harness.client(new_id(), "learner")
    call = stranger.courses.GetLesson(GetLessonRequest(unit_id=course.units[0].unit_id))
    error = await refusal(call)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "LEARNER_NOT_REGISTERED")
    assert (await outline(stranger, course)).units[1].url == ""


async def test_unit_that_is_not_a_lesson_is_not_found(harness: Harness) -> None:
    course = await harness.course(COURSE_KIND_SELF_PACED, [link(), assessment(str(new_id()))])
    learner = harness.learner(await harness.registered_learner(course.course_id))
    for unit_id in (course.units[0].unit_id, course.units[1].unit_id, str(new_id())):
        call = learner.courses.GetLesson(GetLessonRequest(unit_id=unit_id))
        assert (await refusal(call)).reason == "NOT_FOUND"
    assert (
        await refusal(
            harness.administrator.courses.GetLesson(GetLessonRequest(unit_id=str(new_id())))
        )
    ).reason == "NOT_ALLOWED"


async def test_proctored_content_is_open_only_during_a_session(
    harness: Harness,
) -> None:
    course = await harness.course(units=[lesson(), link()])
    session = await harness.session(course=course)
    (learner_id,) = session.learner_ids
    learner = harness.learner(learner_id)
    request = GetLessonRequest(unit_id=course.units[0].unit_id)

    async def closed() -> None:
        error = await refusal(learner.courses.GetLesson(request))
        assert (error.kind, error.reason) == (
            Kind.INVALID_STATE_TRANSITION,
            "PARTICIPANT_NOT_IN_SESSION",
        )
        record = RecordProgressRequest(unit_id=course.units[0].unit_id)
        assert (
            await refusal(learner.courses.RecordProgress(record))
        ).reason == "PARTICIPANT_NOT_IN_SESSION"
        assert (await outline(learner, course)).units[1].url == ""
        assert await harness.count(progress) == 0

    await closed()
    await harness.deliver(joined_event(session, learner_id))
    await closed()  # the learner waits in the lobby
    await harness.deliver(started_event(session))
    assert (await learner.courses.GetLesson(request)).html
    assert (await outline(learner, course)).units[1].url == "https://example.org/rules"
    await harness.deliver(ended_event(session))
    await closed()


async def test_content_is_closed_to_learners_outside_of_a_session(
    harness: Harness,
) -> None:
    session = await harness.session()
    (invited,) = session.learner_ids
    joined, absent, removed = [
        await harness.registered_learner(session.course.course_id) for _ in range(3)
    ]
    await harness.start(session, joined, removed)
    request = GetLessonRequest(unit_id=session.course.units[0].unit_id)
    await harness.learner(removed).courses.GetLesson(request)
    await harness.deliver(removed_event(session, removed))
    for learner_id in (invited, absent, removed):
        call = harness.learner(learner_id).courses.GetLesson(request)
        assert (await refusal(call)).reason == "PARTICIPANT_NOT_IN_SESSION"
    assert (await harness.learner(joined).courses.GetLesson(request)).html


async def test_session_opens_only_its_own_course(harness: Harness) -> None:
    session = await harness.session()
    (learner_id,) = session.learner_ids
    other = await harness.course()
    await harness.register(learner_id, other.course_id)
    await harness.start(session)
    call = harness.learner(learner_id).courses.GetLesson(
        GetLessonRequest(unit_id=other.units[0].unit_id)
    )
    assert (await refusal(call)).reason == "PARTICIPANT_NOT_IN_SESSION"


async def test_finished_unit_is_recorded_once(harness: Harness) -> None:
    course = await harness.course(COURSE_KIND_SELF_PACED, [lesson(), link(), lesson("More")])
    learner_id = await harness.registered_learner(course.course_id)
    learner = harness.learner(learner_id)
    for _ in range(2):
        response = await learner.courses.RecordProgress(
            RecordProgressRequest(unit_id=course.units[0].unit_id)
        )
        assert response.my_course.finished_unit_ids == [course.units[0].unit_id]
        assert response.my_course.unit_count == 3
    repeated = RecordProgressRequest(request_id=str(new_id()), unit_id=course.units[1].unit_id)
    first = await learner.courses.RecordProgress(repeated)
    assert await learner.courses.RecordProgress(repeated) == first
    events = await harness.events(ProgressRecorded)
    assert [event.unit_id for event in events] == [unit.unit_id for unit in course.units[:2]]
    assert [event.finished_unit_count for event in events] == [1, 2]
    assert {event.person_id for event in events} == {learner_id}
    assert not first.my_course.registration.HasField("complete_time")


async def test_progress_of_an_assessment_cannot_be_recorded(harness: Harness) -> None:
    course = await harness.course(COURSE_KIND_SELF_PACED, [assessment(str(new_id()))])
    learner = harness.learner(await harness.registered_learner(course.course_id))
    call = learner.courses.RecordProgress(RecordProgressRequest(unit_id=course.units[0].unit_id))
    assert (await refusal(call)).reason == "INVALID_REQUEST"
    call = learner.courses.RecordProgress(RecordProgressRequest(unit_id=str(new_id())))
    assert (await refusal(call)).reason == "NOT_FOUND"
    stranger = harness.client(new_id(), "learner")
    other = await harness.course(COURSE_KIND_SELF_PACED)
    call = stranger.courses.RecordProgress(RecordProgressRequest(unit_id=other.units[0].unit_id))
    assert (await refusal(call)).reason == "LEARNER_NOT_REGISTERED"
    assert await harness.count(progress) == 0
