"""Test retries: a second click after a lost response has no second effect, and pages load when the server is back."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, Route, expect

from e2e.browsing import Visitor, shared_browser
from e2e.scenario import Scenario
from e2e.test_revocation import until_refused
from proctorium.enrollment.v1.accounts_pb2 import GetMeRequest
from proctorium_devstack.demo.people import Person
from proctorium_devstack.stack import Stack

_LOAD = "**/proctorium.enrollment.v1.RegistrationService/ListMyCourses"
_CREATE = "**/proctorium.enrollment.v1.CourseService/CreateCourse"
_SIGN_OUT_EVERYWHERE = "**/proctorium.enrollment.v1.AccountService/SignOutEverywhere"
_SET_PASSWORD = "**/proctorium.enrollment.v1.AccountService/SetPassword"
_AWAY = "The server cannot be reached at the moment"


async def test_course_is_created_once_after_a_lost_response(
    stack: Stack, scenario: Scenario
) -> None:
    title = f"Once {scenario.session_id[-8:]}"
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.goto("/managed-courses")
        await page.get_by_text("Create a course").click()
        await page.get_by_label("Title", exact=True).fill(title)
        await page.get_by_label("Title of the step").fill("Before you begin")
        await page.get_by_label("Text, in Markdown").fill("Breathe.")
        await page.route(_CREATE, lose_response, times=1)
        await page.get_by_role("button", name="Create").click()
        await expect(page.get_by_text(_AWAY)).to_be_visible()

        await page.get_by_role("button", name="Create").click()
        await expect(page.get_by_label("Title", exact=True)).not_to_have_value(title)
        await page.reload()
        await expect(page.get_by_role("listitem").filter(has_text=title)).to_have_count(1)
        assert administrator.errors == []


async def test_page_loads_automatically_once_the_server_is_reachable(
    stack: Stack, scenario: Scenario
) -> None:
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        page = learner.page
        await page.route(_LOAD, lambda route: route.abort("connectionrefused"))
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        note = page.get_by_role("alert")
        await expect(note).to_contain_text("This page tries again automatically.")
        async with page.expect_request(_LOAD):
            await learner.screenshot("server-unreachable")
        await page.unroute(_LOAD)
        await expect(page.get_by_text("Proctored", exact=True)).to_be_visible()
        await expect(note).to_have_count(0)
        assert learner.errors == []


async def test_page_that_was_left_stops_retrying(stack: Stack, scenario: Scenario) -> None:
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        page = learner.page
        await page.clock.install()
        await page.route(_LOAD, lambda route: route.abort("connectionrefused"))
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await expect(page.get_by_role("alert")).to_be_visible()
        await page.get_by_role("navigation").get_by_role("link", name="Results").click()
        await expect(page.get_by_text("no results yet")).to_be_visible()
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        await page.clock.run_for(30_000)
        assert [url for url in requested if "ListMyCourses" in url] == []
        assert learner.errors == []


@pytest.mark.parametrize("then", ["repeats it", "opens another page"])
async def test_sign_out_everywhere_with_a_lost_response_is_confirmed_later(
    stack: Stack, scenario: Scenario, then: str
) -> None:
    learner = scenario.learners[0]
    async with shared_browser() as opened:
        visitor = await Visitor.open(opened, stack.url("edge"))
        page = visitor.page
        await visitor.sign_in(learner.email, learner.password)
        await page.goto("/account")
        await page.route(_SIGN_OUT_EVERYWHERE, lose_response, times=1)
        await sign_out_everywhere(page)
        await expect(page.get_by_text(_AWAY)).to_be_visible()

        await wait_until_signed_out(learner)
        if then == "repeats it":
            await page.get_by_role("button", name="Sign out everywhere now").click()
        else:
            await page.get_by_role("navigation").get_by_role("link", name="Results").click()
        await expect(page.get_by_text("You are signed out everywhere.")).to_be_visible()
        await expect(page.get_by_role("main").get_by_role("status")).to_have_count(1)
        assert visitor.errors == []


async def test_sign_out_everywhere_with_a_lost_request_is_not_confirmed(
    stack: Stack, scenario: Scenario
) -> None:
    learner = scenario.learners[0]
    async with shared_browser() as opened:
        visitor = await Visitor.open(opened, stack.url("edge"))
        page = visitor.page
        await visitor.sign_in(learner.email, learner.password)
        await page.goto("/account")
        await page.route(_SIGN_OUT_EVERYWHERE, lambda route: route.abort(), times=1)
        await sign_out_everywhere(page)
        await expect(page.get_by_text(_AWAY)).to_be_visible()

        # Simulate that the sign-in expires before the next click.
        await page.context.clear_cookies()
        await page.get_by_role("button", name="Sign out everywhere now").click()
        await expect(page.get_by_role("main").get_by_role("status")).to_have_text(
            "You were signed out. Sign in to continue."
        )
        await learner.accounts.GetMe(GetMeRequest())
        assert visitor.errors == []


async def test_lost_response_of_a_password_change_suggests_the_new_password(
    stack: Stack, scenario: Scenario
) -> None:
    learner, new = scenario.learners[0], "harbour-violet-93"
    async with shared_browser() as opened:
        visitor = await Visitor.open(opened, stack.url("edge"))
        page = visitor.page
        await visitor.sign_in(learner.email, learner.password)
        await page.goto("/account")
        await page.get_by_label("Current password").fill(learner.password)
        await page.get_by_label("New password").fill(new)
        await page.route(_SET_PASSWORD, lose_response, times=1)
        await page.get_by_role("button", name="Change the password").click()
        await expect(page.get_by_text(_AWAY)).to_be_visible()

        await wait_until_signed_out(learner)
        await page.get_by_role("button", name="Change the password").click()
        await expect(page.get_by_role("main").get_by_role("status")).to_have_text(
            "You are signed out. Sign in with the new password or, if that is refused, with the old one."
        )
        await visitor.screenshot("sign-in-password-unconfirmed")
        await visitor.sign_in(learner.email, new)
        assert visitor.errors == []


async def sign_out_everywhere(page: Page) -> None:
    """Click `Sign out everywhere` on the account page, and confirm the action."""
    await page.get_by_role("button", name="Sign out everywhere…").click()
    await page.get_by_role("button", name="Sign out everywhere now").click()


async def wait_until_signed_out(person: Person) -> None:
    """Wait until all sign-ins of the person have been ended, and enrollment therefore refuses the token in `person`.

    The calls do not affect the page, because the browser has a different token from its own sign-in.
    """
    await until_refused(lambda: person.accounts.GetMe(GetMeRequest()), "enrollment")


async def lose_response(route: Route) -> None:
    """Forward the request to the server, but let the request fail in the browser, as if the response was lost."""
    await route.fetch()
    await route.abort("connectionreset")
