"""A sign-in that is renewed, that ends, and that begins again, in pages that are in use: nothing typed is lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from playwright.async_api import Page, Route, expect

from e2e.browsing import Visitor, browser
from e2e.stage import Stage
from e2e.test_browser_answers import exam_room, saved_numbers
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack

_WHO = "**/proctorium.enrollment.v1.AccountService/GetMe"
_ASSESSMENT = "**/proctorium.assessment.v1.**"
_SIGNED_OUT = "You were signed out. Your answers are stored on this device; sign in to continue."
_AWAY = "The server cannot be reached at the moment. This page tries again automatically."


async def test_a_clock_that_is_set_back_does_not_end_a_sign_in(stack: Stack, stage: Stage) -> None:
    async with exam_room(stack, stage) as (story, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        for hours, answer in ((0, 0.4), (3, 0.5)):
            await page.clock.set_system_time(datetime.now(UTC) - timedelta(hours=hours))
            await page.context.clear_cookies(name="proctorium_token")
            await field.fill(str(answer))
            await expect(page.get_by_text("All answers saved")).to_be_visible()
            assert await saved_numbers(story) == [answer]
        await expect(page.get_by_text("Please sign in first")).to_have_count(0)
        assert learner.complaints == []


async def test_a_sign_in_is_renewed_over_plain_http_too(stack: Stack, stage: Stage) -> None:
    _, port = stack.address("edge").split(":")
    async with browser("--host-resolver-rules=MAP exams.example.org 127.0.0.1") as opened:
        learner = await Visitor.arrive(opened, f"http://exams.example.org:{port}")
        page = learner.page
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        assert not await page.evaluate("isSecureContext || 'locks' in navigator")
        await page.context.clear_cookies(name="proctorium_token")
        await page.get_by_role("navigation").get_by_role("link", name="Enrollment Code").click()
        await page.get_by_label("Enrollment code").fill(stage.code)
        await page.get_by_role("button", name="Join Session").click()
        await expect(page.get_by_text("Waiting", exact=True)).to_be_visible()
        # The browser says by itself that a header for secure pages does nothing here.
        assert all("Cross-Origin-Opener-Policy" in text for text in learner.complaints)


async def test_answers_outlive_a_sign_out_in_another_tab(stack: Stack, stage: Stage) -> None:
    async with exam_room(stack, stage) as (story, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        await page.context.clear_cookies(name="proctorium_token")
        await field.fill("0.4")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        second = await page.context.new_page()
        await second.goto("/courses")
        await second.get_by_role("button", name="Sign out").click()
        await expect(second.get_by_role("heading", name="Sign in")).to_be_visible()
        await expect(second.get_by_text("You were signed out.")).to_have_count(0)

        await field.fill("0.7")
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await expect(page.get_by_text(_SIGNED_OUT)).to_be_visible()
        await learner.picture("signed-out")
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        await expect(field).to_have_value("0.7")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        await expect(page.get_by_text("Please sign in first")).to_have_count(0)
        await expect(second.get_by_role("button", name="Sign out")).to_be_visible()
        assert await saved_numbers(story) == [0.7]
        assert learner.complaints == []


async def test_a_page_that_does_not_know_who_reads_it_says_what_becomes_of_answers(
    stack: Stack, stage: Stage
) -> None:
    async with exam_room(stack, stage) as (story, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        await eventually(lambda: stores_attempt(page), "the attempt to be stored")
        await page.route(_ASSESSMENT, lambda route: route.abort("connectionrefused"))
        await field.fill("0.7")
        await expect(page.get_by_text("Stored on this device, not sent yet")).to_be_visible()
        hanging: asyncio.Queue[Route] = asyncio.Queue()
        await page.route(_WHO, hanging.put)
        await page.reload()
        asked = await hanging.get()
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text(f"{_AWAY} Your answers are stored on this device")
        await learner.picture("nobody-answers")
        # The attempt comes from this device, and its answers wait until the server has said who it is.
        for _ in range(4):
            await asked.abort("connectionrefused")
            asked = await hanging.get()
        await expect(field).to_have_value("0.7")
        async with page.expect_event("requestfailed", lambda request: "SaveAnswers" in request.url):
            await asked.continue_()
        # However long that took, what could not be sent then is sent soon.
        await page.unroute(_WHO)
        await page.unroute(_ASSESSMENT)
        await expect(field).to_have_value("0.7")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        assert await saved_numbers(story) == [0.7]
        assert learner.complaints == []


async def stores_attempt(page: Page) -> bool | None:
    return (
        await page.evaluate(
            "caches.match('/stored/stored-at').then((found) => found !== undefined)"
        )
        or None
    )


async def test_a_password_is_changed_on_the_account_page(stack: Stack, stage: Stage) -> None:
    learner = stage.learners[0]
    async with browser() as opened:
        visitor = await Visitor.arrive(opened, stack.url("edge"))
        page = visitor.page
        await visitor.sign_in(learner.email, learner.password)
        elsewhere = await Visitor.arrive(opened, stack.url("edge"))
        await elsewhere.sign_in(learner.email, learner.password)
        await page.get_by_role("link", name=learner.name.split()[0], exact=True).click()
        await page.get_by_label("Current password").fill(learner.password)
        new = page.get_by_label("New password")
        await new.fill("password1234")
        change = page.get_by_role("button", name="Change the password")
        await change.click()
        await expect(new).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_text("one of the first that anybody would try")).to_be_visible()
        await visitor.picture("account-weak-password")
        await page.get_by_label("Current password").fill("not-the-password-77")
        await new.fill("harbour-violet-93")
        await change.click()
        await expect(page.locator("[data-reason=SIGN_IN_FAILED]")).to_be_visible()
        await page.get_by_label("Current password").fill(learner.password)
        await change.click()
        await expect(page.get_by_text("Your password was changed")).to_be_visible()
        await visitor.sign_in(learner.email, "harbour-violet-93")
        # The other window's tokens end with the password, within seconds.
        await elsewhere.page.goto("/results")
        await expect(elsewhere.page.get_by_role("button", name="Sign in")).to_be_visible()
        assert visitor.complaints == []


async def test_a_browser_where_one_signed_in_before_gets_in_while_a_neighbour_guesses(
    stack: Stack, stage: Stage
) -> None:
    learner = stage.learners[0]
    async with browser() as opened:
        owner = await Visitor.arrive(opened, stack.url("edge"))
        await owner.sign_in(learner.email, learner.password)
        await owner.sign_out_button.click()
        await expect(owner.page.get_by_role("heading", name="Sign in")).to_be_visible()
        cookies = {each.get("name"): each for each in await owner.page.context.cookies()}
        device = cookies["proctorium_device"]
        assert (device.get("httpOnly"), device.get("sameSite")) == (True, "Strict")

        neighbour = await Visitor.arrive(opened, stack.url("edge"))
        page, reason = neighbour.page, neighbour.page.locator("[data-reason]")
        await page.get_by_label("E-mail address").fill(learner.email)
        await page.get_by_label("Password").fill("not-the-password-77")
        seen = ""
        while seen != "TOO_MANY_FAILED_SIGN_INS":
            async with page.expect_response("**/proctorium.enrollment.v1.AccountService/SignIn"):
                await page.get_by_role("button", name="Sign in").click()
            await expect(page.get_by_role("button", name="Sign in")).to_be_enabled()
            seen = await reason.get_attribute("data-reason") or ""
        await expect(page.get_by_text("There were too many failed sign-ins.")).to_be_visible()
        await owner.sign_in(learner.email, learner.password)
        assert owner.complaints == neighbour.complaints == []
