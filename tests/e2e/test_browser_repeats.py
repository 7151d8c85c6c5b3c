"""What is done again: a click after an answer that was lost, once; a page that nobody answered, until somebody does."""

from __future__ import annotations

from playwright.async_api import Route, expect

from e2e.browsing import Visitor, browser
from e2e.stage import Stage
from proctorium_devstack.stack import Stack

_LOAD = "**/proctorium.enrollment.v1.RegistrationService/ListMyCourses"
_CREATE = "**/proctorium.enrollment.v1.CourseService/CreateCourse"


async def test_a_course_is_created_once_though_its_answer_was_lost(
    stack: Stack, stage: Stage
) -> None:
    title = f"Once {stage.session_id[-8:]}"
    async with browser() as opened:
        administrator = await Visitor.arrive(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(stage.administrator.email, stage.administrator.password)
        await page.goto("/managed-courses")
        await page.get_by_text("Create a course").click()
        await page.get_by_label("Title", exact=True).fill(title)
        await page.get_by_label("Title of the step").fill("Before you begin")
        await page.get_by_label("Text, in Markdown").fill("Breathe.")
        await page.route(_CREATE, lose_the_answer, times=1)
        await page.get_by_role("button", name="Create").click()
        await expect(page.get_by_text("The server cannot be reached just now")).to_be_visible()

        await page.get_by_role("button", name="Create").click()
        await expect(page.get_by_label("Title", exact=True)).not_to_have_value(title)
        await page.reload()
        await expect(page.get_by_role("listitem").filter(has_text=title)).to_have_count(1)
        assert administrator.complaints == []


async def test_a_page_that_nobody_answered_loads_by_itself(stack: Stack, stage: Stage) -> None:
    async with browser() as opened:
        learner = await Visitor.arrive(opened, stack.url("edge"))
        page = learner.page
        await page.route(_LOAD, lambda route: route.abort("connectionrefused"))
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        note = page.get_by_role("alert")
        await expect(note).to_contain_text("This page tries again by itself.")
        async with page.expect_request(_LOAD):
            await learner.picture("away")
        await page.unroute(_LOAD)
        await expect(page.get_by_text("Proctored", exact=True)).to_be_visible()
        await expect(note).to_have_count(0)
        assert learner.complaints == []


async def test_a_page_that_was_left_is_not_loaded_any_more(stack: Stack, stage: Stage) -> None:
    async with browser() as opened:
        learner = await Visitor.arrive(opened, stack.url("edge"))
        page = learner.page
        await page.clock.install()
        await page.route(_LOAD, lambda route: route.abort("connectionrefused"))
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        await expect(page.get_by_role("alert")).to_be_visible()
        await page.get_by_role("navigation").get_by_role("link", name="Results").click()
        await expect(page.get_by_text("no results yet")).to_be_visible()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.clock.run_for(30_000)
        assert [url for url in asked if "ListMyCourses" in url] == []
        assert learner.complaints == []


async def lose_the_answer(route: Route) -> None:
    """Lets the request arrive, and the connection break before the answer."""
    await route.fetch()
    await route.abort("connectionreset")
