"""Test that no answer is lost when a sign-in is renewed, ends or starts again while a page is open."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from playwright.async_api import Page, Route, expect

from e2e.browsing import Visitor, browser, shared_browser
from e2e.scenario import Scenario
from e2e.test_browser_answers import exam_room, saved_numbers
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack

_WHO = "**/proctorium.enrollment.v1.AccountService/GetMe"
_ASSESSMENT = "**/proctorium.assessment.v1.**"
_SIGNED_OUT = "You were signed out. Your answers are stored on this device; sign in to continue."
_UNREACHABLE = "The server cannot be reached at the moment. This page tries again automatically."


async def test_clock_set_back_does_not_end_a_sign_in(stack: Stack, scenario: Scenario) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        for hours, answer in ((0, 0.4), (3, 0.5)):
            await page.clock.set_system_time(datetime.now(UTC) - timedelta(hours=hours))
            await page.context.clear_cookies(name="proctorium_token")
            await field.fill(str(answer))
            await expect(page.get_by_text("All answers saved")).to_be_visible()
            assert await saved_numbers(client) == [answer]
        await expect(page.get_by_text("Please sign in first")).to_have_count(0)
        assert learner.errors == []


async def test_sign_in_is_renewed_over_plain_http(stack: Stack, scenario: Scenario) -> None:
    _, port = stack.address("edge").split(":")
    async with browser("--host-resolver-rules=MAP exams.example.org 127.0.0.1") as opened:
        learner = await Visitor.open(opened, f"http://exams.example.org:{port}")
        page = learner.page
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        assert not await page.evaluate("isSecureContext || 'locks' in navigator")
        await page.context.clear_cookies(name="proctorium_token")
        await page.get_by_role("navigation").get_by_role("link", name="Enrollment Code").click()
        await page.get_by_label("Enrollment code").fill(scenario.code)
        await page.get_by_role("button", name="Join Session").click()
        await expect(page.get_by_text("Waiting", exact=True)).to_be_visible()
        # Without TLS, the browser logs that it ignores the header Cross-Origin-Opener-Policy. Expect no other error.
        assert all("Cross-Origin-Opener-Policy" in text for text in learner.errors)


async def test_answers_survive_a_sign_out_in_another_tab(stack: Stack, scenario: Scenario) -> None:
    async with exam_room(stack, scenario) as (client, learner):
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
        await learner.screenshot("signed-out")
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await expect(field).to_have_value("0.7")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        await expect(page.get_by_text("Please sign in first")).to_have_count(0)
        await expect(second.get_by_role("button", name="Sign out")).to_be_visible()
        assert await saved_numbers(client) == [0.7]
        assert learner.errors == []


async def test_unreachable_server_on_reload_does_not_lose_pending_answers(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        await eventually(lambda: stores_attempt(page), "the attempt to be stored")
        await page.route(_ASSESSMENT, lambda route: route.abort("connectionrefused"))
        await field.fill("0.7")
        await expect(page.get_by_text("Stored on this device, not sent yet")).to_be_visible()
        hanging: asyncio.Queue[Route] = asyncio.Queue()
        await page.route(_WHO, hanging.put)
        await page.reload()
        request = await hanging.get()
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text(
            f"{_UNREACHABLE} Your answers are stored on this device"
        )
        await learner.screenshot("exam-reload-unreachable")
        # The page shows the attempt from the data on this device. The page does not send the answers, because the
        # server has not yet confirmed which person is signed in.
        for _ in range(4):
            await request.abort("connectionrefused")
            request = await hanging.get()
        await expect(field).to_have_value("0.7")
        async with page.expect_event("requestfailed", lambda request: "SaveAnswers" in request.url):
            await request.continue_()
        # The page sends the pending answers soon after the server is reachable again.
        await page.unroute(_WHO)
        await page.unroute(_ASSESSMENT)
        await expect(field).to_have_value("0.7")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        assert await saved_numbers(client) == [0.7]
        assert learner.errors == []


async def stores_attempt(page: Page) -> bool | None:
    return (
        await page.evaluate(
            "caches.match('/stored/stored-at').then((found) => found !== undefined)"
        )
        or None
    )


async def test_password_is_changed_on_the_account_page(stack: Stack, scenario: Scenario) -> None:
    learner = scenario.learners[0]
    async with shared_browser() as opened:
        visitor = await Visitor.open(opened, stack.url("edge"))
        page = visitor.page
        await visitor.sign_in(learner.email, learner.password)
        elsewhere = await Visitor.open(opened, stack.url("edge"))
        await elsewhere.sign_in(learner.email, learner.password)
        await page.get_by_role("link", name=learner.name.split()[0], exact=True).click()
        await page.get_by_label("Current password").fill(learner.password)
        new = page.get_by_label("New password")
        await new.fill("password1234")
        change = page.get_by_role("button", name="Change the password")
        await change.click()
        await expect(new).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_text("one of the first that anybody would try")).to_be_visible()
        await visitor.screenshot("account-weak-password")
        await page.get_by_label("Current password").fill("not-the-password-77")
        await new.fill("harbour-violet-93")
        await change.click()
        await expect(page.locator("[data-reason=SIGN_IN_FAILED]")).to_be_visible()
        await page.get_by_label("Current password").fill(learner.password)
        await change.click()
        await expect(page.get_by_text("Your password was changed")).to_be_visible()
        await visitor.sign_in(learner.email, "harbour-violet-93")
        # The new password revokes the tokens of the other window within seconds.
        await elsewhere.page.goto("/results")
        await expect(elsewhere.page.get_by_role("button", name="Sign in")).to_be_visible()
        assert visitor.errors == []


async def test_known_browser_signs_in_while_another_is_throttled(
    stack: Stack, scenario: Scenario
) -> None:
    learner = scenario.learners[0]
    async with shared_browser() as opened:
        owner = await Visitor.open(opened, stack.url("edge"))
        await owner.sign_in(learner.email, learner.password)
        await owner.sign_out_button.click()
        await expect(owner.page.get_by_role("heading", name="Sign in")).to_be_visible()
        cookies = {each.get("name"): each for each in await owner.page.context.cookies()}
        device = cookies["proctorium_device"]
        assert (device.get("httpOnly"), device.get("sameSite")) == (True, "Strict")

        attacker = await Visitor.open(opened, stack.url("edge"))
        page, reason = attacker.page, attacker.page.locator("[data-reason]")
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
        assert owner.errors == attacker.errors == []
