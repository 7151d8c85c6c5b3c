"""Test a self-paced course in the browser: lessons with images, links, progress, and the order of lists."""

from __future__ import annotations

import secrets

from playwright.async_api import Page, Route, expect

from e2e.browsing import Visitor, shared_browser
from e2e.images import identity_document
from e2e.scenario import Scenario
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
    markdown="![A pair of goggles](https://images.example/goggles.png)",
)
LINK = UnitContent(title="The rules", url="https://images.example/rules")


async def self_paced_course(scenario: Scenario, title: str, *units: UnitContent) -> str:
    """Publish a course with `units` and register the first learner of `scenario`; return the id of the course."""
    courses = scenario.administrator.courses
    created = await courses.CreateCourse(
        CreateCourseRequest(title=title, kind=COURSE_KIND_SELF_PACED, units=units)
    )
    course_id = created.course.course_id
    await courses.PublishCourse(PublishCourseRequest(course_id=course_id))
    await seed.register(scenario.administrator, scenario.learners[0].person_id, course_id)
    return course_id


async def serve_external_site(page: Page) -> None:
    """Serve fake pages and images of an external site, because tests cannot connect to other hosts."""

    async def fulfill(route: Route) -> None:
        if route.request.url.endswith(".png"):
            await route.fulfill(body=identity_document("goggles"), content_type="image/png")
        else:
            await route.fulfill(body="<h1>Rules</h1>", content_type="text/html")

    await page.context.route("https://images.example/**", fulfill)


async def test_opened_link_is_done_and_lesson_shows_its_image(
    stack: Stack, scenario: Scenario
) -> None:
    course_id = await self_paced_course(scenario, "Goggles and rules", LESSON, LINK)
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        page = learner.page
        await serve_external_site(page)
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await page.goto(f"/courses/{course_id}")
        await page.get_by_role("button", name="Open Goggles").click()
        image = page.get_by_role("img", name="A pair of goggles")
        await expect(image).to_have_js_property("naturalWidth", 960)
        await expect(page.get_by_text("Done", exact=True)).to_have_count(1)
        async with page.context.expect_page():
            await page.get_by_role("link", name="The rules").click()
        await expect(page.get_by_text("Done", exact=True)).to_have_count(2)
        await expect(page.get_by_role("button", name="Mark as done")).to_have_count(0)
        await learner.screenshot("course-done")
        await page.goto("/courses")
        card = page.get_by_role("listitem").filter(has_text="Goggles and rules")
        await expect(card.get_by_text("Completed")).to_be_visible()
        assert learner.errors == []


async def test_link_can_be_marked_as_done_without_opening_it(
    stack: Stack, scenario: Scenario
) -> None:
    course_id = await self_paced_course(scenario, "Rules", LINK)
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        page = learner.page
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await page.goto(f"/courses/{course_id}")
        await page.get_by_role("button", name="Mark as done The rules").click()
        await expect(page.get_by_text("Done", exact=True)).to_be_visible()
        await page.reload()
        await expect(page.get_by_text("Done", exact=True)).to_be_visible()


async def test_lists_are_sorted_by_the_readers_locale(stack: Stack, scenario: Scenario) -> None:
    run = secrets.token_hex(4)
    titles = [f"Zoë {run}", f"Élise {run}", f"ada {run}"]
    for title in titles:
        await self_paced_course(scenario, title, LINK)
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        page = learner.page
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await page.goto("/courses")
        listed = page.get_by_role("heading", level=2).filter(has_text=run)
        await expect(listed).to_have_text([f"ada {run}", f"Élise {run}", f"Zoë {run}"])
        administrator = await Visitor.open(opened, stack.url("edge"))
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await administrator.page.goto("/managed-courses")
        managed = administrator.page.get_by_role("heading", level=2).filter(has_text=run)
        await expect(managed).to_have_text([f"ada {run}", f"Élise {run}", f"Zoë {run}"])
