"""Test answers from several tabs and devices: no answer is lost, and the newest answer counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, Route, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario
from proctorium.assessment.v1.attempts_pb2 import Attempt, GetAttemptRequest
from proctorium.assessment.v1.items_pb2 import Answer
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack

_PENDING_COUNT = (
    "Object.keys(localStorage).filter(key => key.startsWith('proctorium.answers.')).length"
)
_EPOCH_COUNT = "Object.keys(localStorage).filter(key => key.startsWith('proctorium.epoch.')).length"
_COLOUR = "(element, property) => getComputedStyle(element)[property]"
_ASSESSMENT = "**/proctorium.assessment.v1.**"
_STILL_LOADING = (
    "Loading the assessment… This takes longer than usual. The page keeps trying automatically."
)
# Records the focused element at the first frame after the questions were added to the page.
_RECORD_FOCUS = """
    new MutationObserver((changes, observer) => {
        if (!document.querySelector(".questions")) return;
        observer.disconnect();
        requestAnimationFrame(() => { window.focusedAtFirst = document.activeElement.tagName; });
    }).observe(document, { childList: true, subtree: true });
"""
_SAVING = "**/SaveAnswers"
_OLDER = "You continued on another device"
_NEWER = "You gave a newer answer to this question on another device"


async def test_older_tab_stops_writing_and_its_pending_answer_is_saved(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        first = learner.page
        await first.route(_SAVING, lambda route: route.abort("connectionrefused"))
        await first.get_by_label("Your answer").fill("0.1")
        await expect(first.get_by_text("Stored on this device, not sent yet")).to_be_visible()
        second = await first.context.new_page()
        await second.goto(f"/attempts/{client.attempt_id}")
        await second.get_by_label("True").check()
        await expect(second.get_by_text("All answers saved")).to_be_visible()

        await expect(first.get_by_role("heading", name=_OLDER)).to_be_visible()
        await expect(first.get_by_label("Your answer")).to_be_disabled()
        await expect(first.get_by_role("button", name="Submit…")).to_have_count(0)
        await learner.screenshot("older-device")
        await first.unroute(_SAVING)
        await expect(first.get_by_text("All answers saved")).to_be_visible()
        await expect(first.get_by_label("True")).to_be_checked()
        saved = (await saved_attempt(client)).answers
        assert {one.answer.WhichOneof("value") for one in saved} == {"number", "truth"}

        await first.get_by_role("button", name="Continue here").click()
        await expect(first.get_by_role("heading", name=_OLDER)).to_have_count(0)
        await expect(second.get_by_role("heading", name=_OLDER)).to_be_visible()
        await first.get_by_label("Your answer").fill("0.2")
        await expect(first.get_by_text("All answers saved")).to_be_visible()
        assert await saved_numbers(client) == [0.2]
        assert learner.errors == []


async def test_newer_answer_of_another_device_replaces_an_offline_answer(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        field = learner.page.get_by_label("Your answer")
        await learner.page.context.set_offline(True)
        await field.fill("0.1")
        await expect(
            learner.page.get_by_text("Stored on this device, not sent yet")
        ).to_be_visible()
        attempt = await saved_attempt(client)
        question = next(item.item_id for item in attempt.items if item.HasField("numeric"))
        await client.enter()
        await client.save_as(attempt.last_sequence + 1, question, Answer(number=0.9))

        await learner.page.context.set_offline(False)
        await expect(learner.page.get_by_text(_NEWER)).to_be_visible()
        await expect(field).to_have_value("0.9")
        assert await saved_numbers(client) == [0.9]

        await learner.page.get_by_role("button", name="Continue here").click()
        await field.fill("0.5")
        await expect(learner.page.get_by_text(_NEWER)).to_have_count(0)
        await expect(learner.page.get_by_text("All answers saved")).to_be_visible()
        assert await saved_numbers(client) == [0.5]
        assert learner.errors == []


async def test_answers_of_another_device_are_shown_before_submission(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        await field.fill("0.1")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        attempt = await saved_attempt(client)
        number = next(item.item_id for item in attempt.items if item.HasField("numeric"))
        truth = next(item.item_id for item in attempt.items if item.HasField("true_false"))
        last = attempt.last_sequence
        await client.enter()
        await client.save_as(last + 1, number, Answer(number=0.9))
        await client.save_as(last + 2, truth, Answer(truth=True))

        await page.get_by_role("button", name="Continue here").click()
        await page.get_by_role("button", name="Submit…").click()
        await expect(field).to_have_value("0.9")
        await expect(page.get_by_label("True")).to_be_checked()
        await expect(page.get_by_text(_NEWER)).to_have_count(2)
        await expect(page.get_by_text("2 questions are not answered.")).to_be_visible()

        await field.fill("0.5")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        assert await saved_numbers(client) == [0.5]
        await client.enter()
        await client.save_as(last + 9, number, Answer(number=0.7))
        await page.evaluate("dispatchEvent(new Event('focus'))")
        await expect(field).to_have_value("0.7")
        assert learner.errors == []


async def test_invalid_answer_is_not_shown_as_saved(stack: Stack, scenario: Scenario) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        await field.fill("0.4")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        await field.fill("abc")
        await expect(
            page.locator(".badge.bad", has_text="1 answer cannot be saved")
        ).to_be_visible()
        await expect(page.get_by_text("All answers saved")).to_have_count(0)
        bad = await page.get_by_text("This is not a number").evaluate(_COLOUR, "color")
        # A transition changes the colour of the border.
        await expect(field).to_have_css("border-top-color", bad)
        await page.get_by_role("button", name="Submit…").click()
        warning = page.get_by_text("What you typed at question 4 cannot be saved")
        await expect(warning).to_be_visible()
        await learner.screenshot("not-a-number")
        await field.fill("0.5")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        await expect(warning).to_have_count(0)
        await expect(page.get_by_text("cannot be saved")).to_have_count(0)
        assert await saved_numbers(client) == [0.5]
        assert learner.errors == []


async def test_exam_room_loads_automatically_once_the_server_is_reachable(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        await field.fill("0.4")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        await page.route(_ASSESSMENT, lambda route: route.abort("connectionrefused"))
        await field.fill("0.7")
        await expect(page.get_by_text("Stored on this device, not sent yet")).to_be_visible()
        await page.reload()
        await expect(page.get_by_text(_STILL_LOADING)).to_be_visible()
        await learner.screenshot("exam-unreachable")
        await page.unroute(_ASSESSMENT)
        await expect(field).to_have_value("0.7")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        assert await saved_numbers(client) == [0.7]
        assert learner.errors == []


async def test_focus_does_not_move_after_the_questions_are_painted(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (_, learner):
        page = learner.page
        await page.add_init_script(_RECORD_FOCUS)
        await page.reload()
        await expect(page.get_by_label("Your answer")).to_be_visible()
        focused = await page.wait_for_function("window.focusedAtFirst")
        assert await focused.json_value() == "H1"
        assert learner.errors == []


async def test_typing_continues_while_the_page_enters_the_attempt(
    stack: Stack, scenario: Scenario
) -> None:
    typed = asyncio.Event()

    async def delay_response(route: Route) -> None:
        response = await route.fetch()
        await typed.wait()
        await route.fulfill(response=response)

    async with exam_room(stack, scenario) as (client, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        before = (await saved_attempt(client)).writer_epoch

        async def has_entered() -> bool | None:
            return (await saved_attempt(client)).writer_epoch > before or None

        await page.route("**/EnterAttempt", delay_response)
        await page.reload()
        await eventually(has_entered, "the page to enter the attempt")
        # The response of `EnterAttempt` is still held back, so the page sees the new writer epoch in the stream before
        # it receives it from the call.
        await field.press_sequentially("0.123456", delay=150)
        await expect(field).to_be_focused()
        await expect(field).to_have_value("0.123456")
        typed.set()
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        assert await saved_numbers(client) == [0.123456]
        assert learner.errors == []


@asynccontextmanager
async def exam_room(
    stack: Stack, scenario: Scenario
) -> AsyncIterator[tuple[LearnerClient, Visitor]]:
    """Yield a learner who has started an attempt, with a window that has entered it and shows the exam room."""
    client, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await client.join()
    proctor.watch()
    await proctor.verify(await client.send_evidence())
    await proctor.start()
    await proctor.authorize(client)
    await client.start()
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await learner.page.goto(f"/attempts/{client.attempt_id}")
        await expect(learner.page.get_by_label("Your answer")).to_be_visible()
        await eventually(lambda: is_writer(learner.page), "the page to enter the attempt")
        yield client, learner
    await client.close()
    await proctor.close()


async def is_writer(page: Page) -> bool | None:
    return await page.evaluate(_EPOCH_COUNT) > 0 or None


async def journal_is_empty(page: Page) -> bool | None:
    return await page.evaluate(_PENDING_COUNT) == 0 or None


async def saved_attempt(client: LearnerClient) -> Attempt:
    request = GetAttemptRequest(attempt_id=client.attempt_id)
    return (await client.learner.attempts.GetAttempt(request)).attempt


async def saved_numbers(client: LearnerClient) -> list[float]:
    saved = (await saved_attempt(client)).answers
    return [one.answer.number for one in saved if one.answer.HasField("number")]
