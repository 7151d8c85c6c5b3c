"""Test texts of lessons and questions: line breaks are preserved, and wide content scrolls in its own box."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from playwright.async_api import expect

from e2e.browsing import Visitor, shared_browser
from e2e.scenario import Scenario
from proctorium.assessment.v1.assessments_pb2 import (
    Assessment,
    CreateAssessmentRequest,
    PublishAssessmentRequest,
)
from proctorium.assessment.v1.items_pb2 import Choice, Item, SingleChoice
from proctorium.enrollment.v1.courses_pb2 import (
    COURSE_KIND_SELF_PACED,
    CreateCourseRequest,
    PublishCourseRequest,
    UnitContent,
)
from proctorium_devstack.demo import seed
from proctorium_devstack.stack import Stack

_CODE = "result = measure(sample)\n    if result > limit:\n        warn()"
_LONG = "x" * 400
_TABLE = "| " + " | ".join(f"Substance{n}" for n in range(12)) + " |\n" + "|---" * 12 + "|\n"
_LESSON = f"```\nprint('{_LONG}')\n```\n\n{_TABLE}| " + " | ".join(["0.123456"] * 12) + " |\n"


async def test_line_breaks_are_preserved_and_wide_content_does_not_overflow(
    stack: Stack, scenario: Scenario
) -> None:
    course_id = await course_with_code(scenario)
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        page = learner.page
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await page.goto(f"/courses/{course_id}")
        await page.get_by_role("button", name="Open").click()
        await expect(page.locator(".lesson table")).to_be_visible()
        await learner.screenshot("lesson-with-code")

        await page.get_by_role("button", name="Take the assessment").click()
        await page.get_by_role("button", name="Start the assessment").click()
        prompt = page.locator("legend .text")
        await expect(prompt).to_be_visible()
        assert _CODE in await prompt.inner_text()
        assert "1. stop\n2. warn" in await page.locator(".choice .text").first.inner_text()
        await learner.screenshot("question-with-code")
        clear = page.get_by_role("button", name="Clear my answer to question 1")
        await expect(clear).to_have_count(0)
        await page.get_by_role("radio").first.check()
        await expect(page.get_by_text("All questions are answered.")).to_be_visible()
        await clear.click()
        await expect(page.get_by_role("radio").first).not_to_be_checked()
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        await expect(page.get_by_text("Not answered yet").first).to_be_visible()

        await page.get_by_role("button", name="Submit…").click()
        await page.get_by_role("button", name="Submit now").click()
        await expect(page.get_by_text("Submitted on")).to_be_visible()
        await expect(page.get_by_text("with answers to 0 of 1 question.")).to_be_visible()
        await page.get_by_role("link", name="See your result").click()
        assert _CODE in await page.locator("h2.question").inner_text()
        await expect(page.get_by_text("You gave no answer.")).to_be_visible()
        await learner.screenshot("result-with-code")
        assert learner.errors == []


async def course_with_code(scenario: Scenario) -> str:
    """Create a self-paced course with wide texts and with a question of several lines; return the id of the course."""
    administrator = scenario.administrator
    choices = [
        Choice(choice_id="a", text="1. stop\n2. warn"),
        Choice(choice_id="b", text=_LONG),
    ]
    item = Item(
        prompt=f"What does this do?\n\n{_CODE}\n{_LONG}",
        points=1,
        single_choice=SingleChoice(choices=choices, correct_choice_id="a"),
    )
    created = await administrator.assessments.CreateAssessment(
        CreateAssessmentRequest(
            assessment=Assessment(
                title="Reading code",
                time_limit=Duration(seconds=3600),
                pass_mark=0.5,
                items=[item],
            )
        )
    )
    assessment_id = created.assessment.assessment_id
    await administrator.assessments.PublishAssessment(
        PublishAssessmentRequest(assessment_id=assessment_id)
    )
    made = await administrator.courses.CreateCourse(
        CreateCourseRequest(
            title="Code and tables",
            kind=COURSE_KIND_SELF_PACED,
            hours=1,
            units=[
                UnitContent(title="Wide things", markdown=_LESSON),
                UnitContent(title="Reading code", assessment_id=assessment_id),
            ],
        )
    )
    course_id = made.course.course_id
    await administrator.courses.PublishCourse(PublishCourseRequest(course_id=course_id))
    await seed.register(administrator, scenario.learners[0].person_id, course_id)
    return course_id
