"""Test a session with two assessments: pages show both titles, and the second attempt starts after a confirmation."""

from __future__ import annotations

from playwright.async_api import expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario
from proctorium.enrollment.v1.courses_pb2 import (
    COURSE_KIND_PROCTORED,
    CreateCourseRequest,
    PublishCourseRequest,
    UnitContent,
)
from proctorium.session.v1.sessions_pb2 import CancelSessionRequest
from proctorium_devstack.demo import seed
from proctorium_devstack.stack import Stack


async def test_second_assessment_starts_only_after_confirmation(
    stack: Stack, scenario: Scenario
) -> None:
    second_id = await plan_two_assessments(scenario)
    first_id = scenario.assessment_id
    client, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await client.join()
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        page = learner.page
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await page.goto(f"/sessions/{scenario.session_id}")
        await proctor.start()
        next_step = page.get_by_text("The next step is yours: send the two photos")
        await expect(next_step).to_have_count(2)
        await learner.screenshot("next-step-photos")
        proctor.watch()
        await proctor.verify(await client.send_evidence())
        await expect(
            page.get_by_text("Please wait. When the assessment is authorised")
        ).to_have_count(2)
        for assessment_id in (first_id, second_id):
            scenario.assessment_id = assessment_id
            await proctor.authorize(client)

        link = page.get_by_role("link", name="Go to the assessment")
        await expect(link).to_have_count(2)
        for name in ("“Part 1: Laboratory safety”", "“Part 2: Fire drill”"):
            await expect(
                page.get_by_role("link", name=f"Go to the assessment {name}")
            ).to_be_visible()
        await learner.screenshot("two-assessments")
        await link.first.click()
        await page.get_by_role("button", name="Start the assessment").click()
        await expect(page.get_by_label("Your answer")).to_be_visible()
        timer = page.get_by_role("timer")
        title = await page.get_by_role("heading", level=1).inner_text()
        await expect(timer).to_have_attribute("aria-label", f"Time left for {title}")

        await page.goto(f"/sessions/{scenario.session_id}")
        await page.get_by_role("link", name="Go to the assessment").click()
        await page.get_by_role("button", name="too…").click()
        await expect(page.get_by_text("continues while you answer this one")).to_be_visible()
        await learner.screenshot("second-clock")
        await page.get_by_role("button", name=f"Finish “{title}” first").click()
        await expect(page.get_by_role("timer")).to_have_count(0)
        await page.get_by_role("link", name=f"Continue “{title}”").click()
        await expect(page.get_by_role("timer")).to_be_visible()
        assert learner.errors == []
    await client.close()
    await proctor.close()


async def plan_two_assessments(scenario: Scenario) -> str:
    """Schedule a session of a course with two assessments; return the id of the second assessment."""
    administrator = scenario.administrator
    await administrator.sessions.CancelSession(CancelSessionRequest(session_id=scenario.session_id))
    run = scenario.session_id[-8:]
    second_id = await seed.create_assessment(administrator, "Fire drill", run)
    scenario.course_id = await course_of(scenario, scenario.assessment_id, second_id)
    plan = seed.plan(
        scenario.course_id,
        scenario.assessment_id,
        [scenario.proctor.person_id],
        [learner.person_id for learner in scenario.learners],
    )
    plan.assessment_ids.append(second_id)
    session = await seed.schedule(administrator, plan)
    scenario.session_id = session.session_id
    scenario.code = await seed.code_of(scenario.proctor, session.session_id)
    return second_id


async def course_of(scenario: Scenario, *assessment_ids: str) -> str:
    """Create a course with the assessments and register the learners of `scenario`; return the id of the course."""
    courses = scenario.administrator.courses
    units = [
        UnitContent(title=f"Part {number}", assessment_id=assessment_id)
        for number, assessment_id in enumerate(assessment_ids, 1)
    ]
    created = await courses.CreateCourse(
        CreateCourseRequest(title="Two parts", kind=COURSE_KIND_PROCTORED, hours=1, units=units)
    )
    course_id = created.course.course_id
    await courses.PublishCourse(PublishCourseRequest(course_id=course_id))
    for learner in scenario.learners:
        await seed.register(scenario.administrator, learner.person_id, course_id)
    return course_id
