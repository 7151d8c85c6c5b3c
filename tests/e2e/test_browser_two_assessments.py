"""A session with two assessments, for its learner: each has its name everywhere, and two clocks never start unasked."""

from __future__ import annotations

from playwright.async_api import expect

from e2e.browsing import Visitor, browser
from e2e.stage import Stage
from e2e.story import LearnerStory, ProctorStory
from proctorium.enrollment.v1.courses_pb2 import (
    COURSE_KIND_PROCTORED,
    CreateCourseRequest,
    PublishCourseRequest,
    UnitContent,
)
from proctorium.session.v1.sessions_pb2 import CancelSessionRequest
from proctorium_devstack.demo import seed
from proctorium_devstack.stack import Stack


async def test_two_assessments_are_told_apart_and_a_second_clock_is_asked_about(
    stack: Stack, stage: Stage
) -> None:
    second_id = await plan_two_assessments(stage)
    first_id = stage.assessment_id
    story, proctor = LearnerStory(stage.learners[0], stage), ProctorStory(stage)
    await story.join()
    async with browser() as opened:
        learner = await Visitor.arrive(opened, stack.url("edge"))
        page = learner.page
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        await page.goto(f"/sessions/{stage.session_id}")
        await proctor.start()
        yours = page.get_by_text("The next step is yours: send the two photos")
        await expect(yours).to_have_count(2)
        await learner.picture("next-step-pictures")
        proctor.watch()
        await proctor.verify(await story.send_evidence())
        await expect(
            page.get_by_text("Please wait. When the assessment is authorised")
        ).to_have_count(2)
        for assessment_id in (first_id, second_id):
            stage.assessment_id = assessment_id
            await proctor.authorize(story)

        link = page.get_by_role("link", name="Go to the assessment")
        await expect(link).to_have_count(2)
        for name in ("“Part 1: Laboratory safety”", "“Part 2: Fire drill”"):
            await expect(
                page.get_by_role("link", name=f"Go to the assessment {name}")
            ).to_be_visible()
        await learner.picture("two-assessments")
        await link.first.click()
        await page.get_by_role("button", name="Start the assessment").click()
        await expect(page.get_by_label("Your answer")).to_be_visible()
        timer = page.get_by_role("timer")
        title = await page.get_by_role("heading", level=1).inner_text()
        await expect(timer).to_have_attribute("aria-label", f"Time left for {title}")

        await page.goto(f"/sessions/{stage.session_id}")
        await page.get_by_role("link", name="Go to the assessment").click()
        await page.get_by_role("button", name="too…").click()
        await expect(page.get_by_text("continues while you answer this one")).to_be_visible()
        await learner.picture("second-clock")
        await page.get_by_role("button", name=f"Finish “{title}” first").click()
        await expect(page.get_by_role("timer")).to_have_count(0)
        await page.get_by_role("link", name=f"Continue “{title}”").click()
        await expect(page.get_by_role("timer")).to_be_visible()
        assert learner.complaints == []
    await story.close()
    await proctor.close()


async def plan_two_assessments(stage: Stage) -> str:
    """Plans a session of a course with two assessments; returns the id of the second one."""
    administrator = stage.administrator
    await administrator.sessions.CancelSession(CancelSessionRequest(session_id=stage.session_id))
    run = stage.session_id[-8:]
    second_id = await seed.create_assessment(administrator, "Fire drill", run)
    stage.course_id = await course_of(stage, stage.assessment_id, second_id)
    plan = seed.plan(
        stage.course_id,
        stage.assessment_id,
        [stage.proctor.person_id],
        [learner.person_id for learner in stage.learners],
    )
    plan.assessment_ids.append(second_id)
    session = await seed.schedule(administrator, plan)
    stage.session_id = session.session_id
    stage.code = await seed.code_of(stage.proctor, session.session_id)
    return second_id


async def course_of(stage: Stage, *assessment_ids: str) -> str:
    """A course with these assessments, which the stage's learners are registered in; its id."""
    courses = stage.administrator.courses
    units = [
        UnitContent(title=f"Part {number}", assessment_id=assessment_id)
        for number, assessment_id in enumerate(assessment_ids, 1)
    ]
    created = await courses.CreateCourse(
        CreateCourseRequest(title="Two parts", kind=COURSE_KIND_PROCTORED, hours=1, units=units)
    )
    course_id = created.course.course_id
    await courses.PublishCourse(PublishCourseRequest(course_id=course_id))
    for learner in stage.learners:
        await seed.register(stage.administrator, learner.person_id, course_id)
    return course_id
