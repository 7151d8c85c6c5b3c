"""Test the answer journal: changes are sent in order, and only for the person to whom they belong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.async_api import Request, expect

from e2e.scenario import Scenario
from e2e.test_browser_answers import exam_room, journal_is_empty, saved_numbers
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack

_PENDING = "Stored on this device, not sent yet"
_PENDING_ANSWERS = "Answers that were not sent yet are stored on this device."


async def test_last_offline_answer_counts_after_the_clock_was_set_back(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        await page.context.set_offline(True)
        await field.fill("0.1")
        await expect(page.get_by_text(_PENDING)).to_be_visible()
        await page.clock.set_system_time(datetime.now(UTC) - timedelta(hours=3))
        await field.fill("0.2")
        await page.close()
        await learner.reopen("/courses")
        await eventually(lambda: journal_is_empty(learner.page), "the stored answers to be sent")
        assert await saved_numbers(client) == [0.2]
        assert learner.errors == []


async def test_pending_answers_are_sent_only_by_their_owner(
    stack: Stack, scenario: Scenario
) -> None:
    lena, omar = scenario.learners
    sent: list[str] = []

    def record(request: Request) -> None:
        if "SaveAnswers" in request.url:
            sent.append(request.url)

    async with exam_room(stack, scenario) as (client, learner):
        context = learner.page.context
        await context.set_offline(True)
        await learner.page.get_by_label("Your answer").fill("0.3")
        await expect(learner.page.get_by_text(_PENDING)).to_be_visible()
        first = learner.page
        await context.clear_cookies()
        await context.set_offline(False)
        context.on("request", record)
        await learner.reopen("/courses")
        await expect(learner.page.get_by_text(_PENDING_ANSWERS)).to_be_visible()
        await learner.screenshot("pending-answers-signed-out")
        sent.clear()
        await learner.sign_in(omar.email, omar.password)
        await expect(learner.page.get_by_role("heading", name="Your courses")).to_be_visible()
        # The first tab has detected that another person has signed in, and hides the data of the first person.
        await expect(first.get_by_label("Your answer")).to_have_count(0)
        await learner.page.reload()
        await expect(learner.page.get_by_role("heading", name="Your courses")).to_be_visible()
        assert sent == []
        assert await journal_is_empty(learner.page) is None

        await learner.sign_out_button.click()
        await learner.sign_in(lena.email, lena.password)
        await eventually(lambda: journal_is_empty(learner.page), "the answers of their owner")
        assert await saved_numbers(client) == [0.3]


async def test_sign_out_with_pending_answers_requires_confirmation(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page = learner.page
        await page.route("**/SaveAnswers", lambda route: route.abort("connectionrefused"))
        await page.get_by_label("Your answer").fill("0.3")
        await expect(page.get_by_text(_PENDING)).to_be_visible()
        await learner.sign_out_button.click()
        question = page.get_by_role("group", name="Sign out with unsent answers")
        await expect(question).to_contain_text("1 answer is not sent yet.")
        await expect(question.get_by_role("button", name="Stay signed in")).to_be_focused()
        await learner.screenshot("sign-out-pending")
        await page.keyboard.press("Enter")
        await expect(question).to_have_count(0)
        await learner.sign_out_button.click()
        await question.get_by_role("button", name="Sign out anyway").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await expect(page.get_by_text(_PENDING_ANSWERS)).to_be_visible()
        await page.unroute("**/SaveAnswers")
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await eventually(lambda: journal_is_empty(page), "the answer of its owner")
        assert await saved_numbers(client) == [0.3]
        assert learner.errors == []
