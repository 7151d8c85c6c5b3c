"""What is done again: a click after an answer that was lost, once; a page that nobody answered, until somebody does."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, Route, expect

from e2e.browsing import Visitor, browser
from e2e.stage import Stage
from e2e.test_rights import until_refused
from proctorium.enrollment.v1.accounts_pb2 import GetMeRequest
from proctorium_devstack.demo.people import Person
from proctorium_devstack.stack import Stack

_LOAD = "**/proctorium.enrollment.v1.RegistrationService/ListMyCourses"
_CREATE = "**/proctorium.enrollment.v1.CourseService/CreateCourse"
_SIGN_OUT_EVERYWHERE = "**/proctorium.enrollment.v1.AccountService/SignOutEverywhere"
_SET_PASSWORD = "**/proctorium.enrollment.v1.AccountService/SetPassword"
_AWAY = "The server cannot be reached at the moment"


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
        await expect(page.get_by_text(_AWAY)).to_be_visible()

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
        await expect(note).to_contain_text("This page tries again automatically.")
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


@pytest.mark.parametrize("goes_on", ["repeats it", "opens another page"])
async def test_a_sign_out_everywhere_whose_answer_was_lost_is_said_to_be_done(
    stack: Stack, stage: Stage, goes_on: str
) -> None:
    learner = stage.learners[0]
    async with browser() as opened:
        visitor = await Visitor.arrive(opened, stack.url("edge"))
        page = visitor.page
        await visitor.sign_in(learner.email, learner.password)
        await page.goto("/account")
        await page.route(_SIGN_OUT_EVERYWHERE, lose_the_answer, times=1)
        await sign_out_everywhere(page)
        await expect(page.get_by_text(_AWAY)).to_be_visible()

        await signed_out(learner)
        if goes_on == "repeats it":
            await page.get_by_role("button", name="Sign out everywhere now").click()
        else:
            await page.get_by_role("navigation").get_by_role("link", name="Results").click()
        await expect(page.get_by_text("You are signed out everywhere.")).to_be_visible()
        await expect(page.get_by_role("status")).to_have_count(1)
        assert visitor.complaints == []


async def test_a_sign_out_everywhere_that_never_arrived_is_not_said_to_be_done(
    stack: Stack, stage: Stage
) -> None:
    learner = stage.learners[0]
    async with browser() as opened:
        visitor = await Visitor.arrive(opened, stack.url("edge"))
        page = visitor.page
        await visitor.sign_in(learner.email, learner.password)
        await page.goto("/account")
        await page.route(_SIGN_OUT_EVERYWHERE, lambda route: route.abort(), times=1)
        await sign_out_everywhere(page)
        await expect(page.get_by_text(_AWAY)).to_be_visible()

        # Meanwhile the time of the sign-in is over.
        await page.context.clear_cookies()
        await page.get_by_role("button", name="Sign out everywhere now").click()
        await expect(page.get_by_role("status")).to_have_text(
            "You were signed out. Sign in to continue."
        )
        await learner.accounts.GetMe(GetMeRequest())
        assert visitor.complaints == []


async def test_a_password_whose_change_was_not_answered_is_the_first_to_be_tried(
    stack: Stack, stage: Stage
) -> None:
    learner, new = stage.learners[0], "harbour-violet-93"
    async with browser() as opened:
        visitor = await Visitor.arrive(opened, stack.url("edge"))
        page = visitor.page
        await visitor.sign_in(learner.email, learner.password)
        await page.goto("/account")
        await page.get_by_label("Current password").fill(learner.password)
        await page.get_by_label("New password").fill(new)
        await page.route(_SET_PASSWORD, lose_the_answer, times=1)
        await page.get_by_role("button", name="Change the password").click()
        await expect(page.get_by_text(_AWAY)).to_be_visible()

        await signed_out(learner)
        await page.get_by_role("button", name="Change the password").click()
        await expect(page.get_by_role("status")).to_have_text(
            "You are signed out. Sign in with the new password or, if that is refused, with the old one."
        )
        await visitor.picture("sign-in-password-not-answered")
        await visitor.sign_in(learner.email, new)
        assert visitor.complaints == []


async def sign_out_everywhere(page: Page) -> None:
    """Ask for it on the account page."""
    await page.get_by_role("button", name="Sign out everywhere…").click()
    await page.get_by_role("button", name="Sign out everywhere now").click()


async def signed_out(person: Person) -> None:
    """Wait until the token of another sign-in of the person is refused."""
    await until_refused(lambda: person.accounts.GetMe(GetMeRequest()), "enrollment")


async def lose_the_answer(route: Route) -> None:
    """Lets the request arrive, and the connection break before the answer."""
    await route.fetch()
    await route.abort("connectionreset")
