"""A learner's self-paced course in the browser: lessons with pictures, links, progress, and the order of lists."""

from __future__ import annotations

import secrets

from playwright.async_api import Page, Route, expect

from e2e.browsing import Visitor, browser
from e2e.pictures import identity_document
from e2e.stage import Stage
from proctorium.enrollment.v1.courses_pb2 import (
    COURSE_KIND_SELF_PACED,
    CreateCourseRequest,
    PublishCourseRequest,
    UnitContent,
)
from proctorium_devstack.demo import seed
from proctorium_devstack.stack import Stack

LESSON = UnitContent(
    title="Goggles",
    markdown="![A pair of goggles](https://pictures.example/goggles.png)",
)
LINK = UnitContent(title="The rules", url="https://pictures.example/rules")


async def self_paced_course(stage: Stage, title: str, *units: UnitContent) -> str:
    """A published course in which the first learner of `stage` is registered."""
    courses = stage.administrator.courses
    created = await courses.CreateCourse(
        CreateCourseRequest(title=title, kind=COURSE_KIND_SELF_PACED, units=units)
    )
    course_id = created.course.course_id
    await courses.PublishCourse(PublishCourseRequest(course_id=course_id))
    await seed.register(stage.administrator, stage.learners[0].person_id, course_id)
    return course_id


async def answer_elsewhere(page: Page) -> None:
    """Stand in for the other site, which no test can reach."""

    async def fulfill(route: Route) -> None:
        if route.request.url.endswith(".png"):
            await route.fulfill(body=identity_document("goggles"), content_type="image/png")
        else:
            await route.fulfill(body="<h1>Rules</h1>", content_type="text/html")

    await page.context.route("https://pictures.example/**", fulfill)


async def test_a_link_is_done_once_opened_and_a_lesson_shows_its_picture(
    stack: Stack, stage: Stage
) -> None:
    course_id = await self_paced_course(stage, "Goggles and rules", LESSON, LINK)
    async with browser() as opened:
        learner = await Visitor.arrive(opened, stack.url("edge"))
        page = learner.page
        await answer_elsewhere(page)
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        await page.goto(f"/courses/{course_id}")
        await page.get_by_role("button", name="Open Goggles").click()
        picture = page.get_by_role("img", name="A pair of goggles")
        await expect(picture).to_have_js_property("naturalWidth", 960)
        await expect(page.get_by_text("Done", exact=True)).to_have_count(1)
        async with page.context.expect_page():
            await page.get_by_role("link", name="The rules").click()
        await expect(page.get_by_text("Done", exact=True)).to_have_count(2)
        await expect(page.get_by_role("button", name="Mark as done")).to_have_count(0)
        await learner.picture("course-done")
        await page.goto("/courses")
        card = page.get_by_role("listitem").filter(has_text="Goggles and rules")
        await expect(card.get_by_text("Completed")).to_be_visible()
        assert learner.complaints == []


async def test_a_link_can_be_marked_as_done_without_opening_it(stack: Stack, stage: Stage) -> None:
    course_id = await self_paced_course(stage, "Rules", LINK)
    async with browser() as opened:
        learner = await Visitor.arrive(opened, stack.url("edge"))
        page = learner.page
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        await page.goto(f"/courses/{course_id}")
        await page.get_by_role("button", name="Mark as done The rules").click()
        await expect(page.get_by_text("Done", exact=True)).to_be_visible()
        await page.reload()
        await expect(page.get_by_text("Done", exact=True)).to_be_visible()


async def test_lists_are_in_the_order_of_their_reader(stack: Stack, stage: Stage) -> None:
    run = secrets.token_hex(4)
    titles = [f"Zoë {run}", f"Élise {run}", f"ada {run}"]
    for title in titles:
        await self_paced_course(stage, title, LINK)
    async with browser() as opened:
        learner = await Visitor.arrive(opened, stack.url("edge"))
        page = learner.page
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        await page.goto("/courses")
        listed = page.get_by_role("heading", level=2).filter(has_text=run)
        await expect(listed).to_have_text([f"ada {run}", f"Élise {run}", f"Zoë {run}"])
        administrator = await Visitor.arrive(opened, stack.url("edge"))
        await administrator.sign_in(stage.administrator.email, stage.administrator.password)
        await administrator.page.goto("/managed-courses")
        managed = administrator.page.get_by_role("heading", level=2).filter(has_text=run)
        await expect(managed).to_have_text([f"ada {run}", f"Élise {run}", f"Zoë {run}"])
