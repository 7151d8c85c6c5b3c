"""Answers given in several tabs and on several devices: none is lost, and the newest counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, expect

from e2e.browsing import Visitor, browser
from e2e.stage import Stage
from e2e.story import LearnerStory, ProctorStory
from proctorium.assessment.v1.attempts_pb2 import Attempt, GetAttemptRequest
from proctorium.assessment.v1.items_pb2 import Answer
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack

_KEPT = "Object.keys(localStorage).filter(key => key.startsWith('proctorium.answers.')).length"
_COLOUR = "(element, property) => getComputedStyle(element)[property]"
_ASSESSMENT = "**/proctorium.assessment.v1.**"
_STILL_LOADING = (
    "Loading the assessment… This takes longer than usual. The page keeps trying automatically."
)
_NEWER = "You gave a newer answer to this question on another device"


async def test_two_tabs_without_a_connection_keep_each_their_own_answers(
    stack: Stack, stage: Stage
) -> None:
    async with exam_room(stack, stage) as (story, learner):
        first = learner.page
        second = await first.context.new_page()
        await second.goto(f"/attempts/{story.attempt_id}")
        await expect(second.get_by_label("Your answer")).to_be_visible()
        await first.context.set_offline(True)
        await first.get_by_label("Your answer").fill("0.1")
        await second.get_by_label("True").check()
        await expect(first.get_by_text("Stored on this device, not sent yet")).to_be_visible()
        await expect(second.get_by_text("Stored on this device, not sent yet")).to_be_visible()
        assert await first.evaluate(_KEPT) == 2
        await first.close()
        await second.close()

        await learner.come_back("/courses")
        await eventually(lambda: keeps_nothing(learner.page), "the answers of both tabs")
        saved = (await saved_attempt(story)).answers
        assert {one.answer.WhichOneof("value") for one in saved} == {"number", "truth"}
        assert learner.complaints == []


async def test_an_older_answer_without_a_connection_gives_way_to_a_newer_one(
    stack: Stack, stage: Stage
) -> None:
    async with exam_room(stack, stage) as (story, learner):
        field = learner.page.get_by_label("Your answer")
        await learner.page.context.set_offline(True)
        await field.fill("0.1")
        await expect(
            learner.page.get_by_text("Stored on this device, not sent yet")
        ).to_be_visible()
        attempt = await saved_attempt(story)
        question = next(item.item_id for item in attempt.items if item.HasField("numeric"))
        await story.save_again(attempt.last_sequence + 1, question, Answer(number=0.9))

        await learner.page.context.set_offline(False)
        await expect(learner.page.get_by_text(_NEWER)).to_be_visible()
        await expect(field).to_have_value("0.9")
        assert await saved_numbers(story) == [0.9]

        await field.fill("0.5")
        await expect(learner.page.get_by_text(_NEWER)).to_have_count(0)
        await expect(learner.page.get_by_text("All answers saved")).to_be_visible()
        assert await saved_numbers(story) == [0.5]
        assert learner.complaints == []


async def test_what_another_device_has_answered_is_shown_before_submitting(
    stack: Stack, stage: Stage
) -> None:
    async with exam_room(stack, stage) as (story, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        await field.fill("0.1")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        attempt = await saved_attempt(story)
        number = next(item.item_id for item in attempt.items if item.HasField("numeric"))
        truth = next(item.item_id for item in attempt.items if item.HasField("true_false"))
        last = attempt.last_sequence
        await story.save_again(last + 1, number, Answer(number=0.9))
        await story.save_again(last + 2, truth, Answer(truth=True))

        await page.get_by_role("button", name="Submit…").click()
        await expect(field).to_have_value("0.9")
        await expect(page.get_by_label("True")).to_be_checked()
        await expect(page.get_by_text(_NEWER)).to_have_count(2)
        await expect(page.get_by_text("2 questions are not answered.")).to_be_visible()

        await field.fill("0.5")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        assert await saved_numbers(story) == [0.5]
        await story.save_again(last + 9, number, Answer(number=0.7))
        await page.evaluate("dispatchEvent(new Event('focus'))")
        await expect(field).to_have_value("0.7")
        assert learner.complaints == []


async def test_what_cannot_be_saved_is_not_called_saved(stack: Stack, stage: Stage) -> None:
    async with exam_room(stack, stage) as (story, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        await field.fill("0.4")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        await field.fill("abc")
        await expect(
            page.locator(".badge.bad", has_text="1 answer cannot be saved")
        ).to_be_visible()
        await expect(page.get_by_text("All answers saved")).to_have_count(0)
        bad = await page.get_by_text("This is not a number").evaluate(_COLOUR, "color")
        assert await field.evaluate(_COLOUR, "borderTopColor") == bad
        await page.get_by_role("button", name="Submit…").click()
        warning = page.get_by_text("What you typed at question 4 cannot be saved")
        await expect(warning).to_be_visible()
        await learner.picture("not-a-number")
        await field.fill("0.5")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        await expect(warning).to_have_count(0)
        await expect(page.get_by_text("cannot be saved")).to_have_count(0)
        assert await saved_numbers(story) == [0.5]
        assert learner.complaints == []


async def test_an_examination_that_is_opened_while_nobody_answers_goes_on_by_itself(
    stack: Stack, stage: Stage
) -> None:
    async with exam_room(stack, stage) as (story, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        await field.fill("0.4")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        await page.route(_ASSESSMENT, lambda route: route.abort("connectionrefused"))
        await field.fill("0.7")
        await expect(page.get_by_text("Stored on this device, not sent yet")).to_be_visible()
        await page.reload()
        await expect(page.get_by_text(_STILL_LOADING)).to_be_visible()
        await learner.picture("exam-away")
        await page.unroute(_ASSESSMENT)
        await expect(field).to_have_value("0.7")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        assert await saved_numbers(story) == [0.7]
        assert learner.complaints == []


@asynccontextmanager
async def exam_room(stack: Stack, stage: Stage) -> AsyncIterator[tuple[LearnerStory, Visitor]]:
    """A learner whose attempt has begun, in front of its questions."""
    story, proctor = LearnerStory(stage.learners[0], stage), ProctorStory(stage)
    await story.join()
    proctor.watch()
    await proctor.verify(await story.send_evidence())
    await proctor.start()
    await proctor.authorize(story)
    await story.begin()
    async with browser() as opened:
        learner = await Visitor.arrive(opened, stack.url("edge"))
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        await learner.page.goto(f"/attempts/{story.attempt_id}")
        await expect(learner.page.get_by_label("Your answer")).to_be_visible()
        yield story, learner
    await story.close()
    await proctor.close()


async def keeps_nothing(page: Page) -> bool | None:
    return await page.evaluate(_KEPT) == 0 or None


async def saved_attempt(story: LearnerStory) -> Attempt:
    request = GetAttemptRequest(attempt_id=story.attempt_id)
    return (await story.learner.attempts.GetAttempt(request)).attempt


async def saved_numbers(story: LearnerStory) -> list[float]:
    saved = (await saved_attempt(story)).answers
    return [one.answer.number for one in saved if one.answer.HasField("number")]
