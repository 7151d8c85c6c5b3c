"""The answer journal of a device: the order of changes, and the person they belong to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.async_api import Request, expect

from e2e.stage import Stage
from e2e.test_browser_answers import exam_room, keeps_nothing, saved_numbers
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack

_KEPT = "Stored on this device, not sent yet"
_SOMEBODY_S = "Answers that were not sent yet are stored on this device."


async def test_the_newer_of_two_offline_answers_counts_though_the_clock_was_set_back(
    stack: Stack, stage: Stage
) -> None:
    async with exam_room(stack, stage) as (story, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        await page.context.set_offline(True)
        await field.fill("0.1")
        await expect(page.get_by_text(_KEPT)).to_be_visible()
        await page.clock.set_system_time(datetime.now(UTC) - timedelta(hours=3))
        await field.fill("0.2")
        await page.close()
        await learner.come_back("/courses")
        await eventually(lambda: keeps_nothing(learner.page), "the answers of the earlier visit")
        assert await saved_numbers(story) == [0.2]
        assert learner.complaints == []


async def test_unsent_answers_wait_for_their_owner_on_a_shared_computer(
    stack: Stack, stage: Stage
) -> None:
    lena, omar = stage.learners
    sent: list[str] = []

    def record(request: Request) -> None:
        if "SaveAnswers" in request.url:
            sent.append(request.url)

    async with exam_room(stack, stage) as (story, learner):
        context = learner.page.context
        await context.set_offline(True)
        await learner.page.get_by_label("Your answer").fill("0.3")
        await expect(learner.page.get_by_text(_KEPT)).to_be_visible()
        first = learner.page
        await context.clear_cookies()
        await context.set_offline(False)
        context.on("request", record)
        await learner.come_back("/courses")
        await expect(learner.page.get_by_text(_SOMEBODY_S)).to_be_visible()
        await learner.picture("answers-of-somebody")
        sent.clear()
        await learner.sign_in(omar.email, omar.password)
        await expect(learner.page.get_by_role("heading", name="Your courses")).to_be_visible()
        # The first tab has noticed who is signed in, and shows nothing of the other person.
        await expect(first.get_by_label("Your answer")).to_have_count(0)
        await learner.page.reload()
        await expect(learner.page.get_by_role("heading", name="Your courses")).to_be_visible()
        assert sent == []
        assert await keeps_nothing(learner.page) is None

        await learner.sign_out_button.click()
        await learner.sign_in(lena.email, lena.password)
        await eventually(lambda: keeps_nothing(learner.page), "the answers of their owner")
        assert await saved_numbers(story) == [0.3]


async def test_signing_out_with_an_unsent_answer_is_asked_about(stack: Stack, stage: Stage) -> None:
    async with exam_room(stack, stage) as (story, learner):
        page = learner.page
        await page.route("**/SaveAnswers", lambda route: route.abort("connectionrefused"))
        await page.get_by_label("Your answer").fill("0.3")
        await expect(page.get_by_text(_KEPT)).to_be_visible()
        await learner.sign_out_button.click()
        asked = page.get_by_role("group", name="Sign out with unsent answers")
        await expect(asked).to_contain_text("1 answer is not sent yet.")
        await expect(asked.get_by_role("button", name="Stay signed in")).to_be_focused()
        await learner.picture("sign-out-unsent")
        await page.keyboard.press("Enter")
        await expect(asked).to_have_count(0)
        await learner.sign_out_button.click()
        await asked.get_by_role("button", name="Sign out anyway").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await expect(page.get_by_text(_SOMEBODY_S)).to_be_visible()
        await page.unroute("**/SaveAnswers")
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        await eventually(lambda: keeps_nothing(page), "the answer of its owner")
        assert await saved_numbers(story) == [0.3]
        assert learner.complaints == []
