"""What a learner reads after the assessment."""

from __future__ import annotations

from playwright.async_api import expect

from e2e.browsing import Visitor, browser
from e2e.stage import Stage
from e2e.story import LearnerStory, ProctorStory
from proctorium.assessment.v1.items_pb2 import Answer
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.refusals import refusal


async def test_an_answer_that_came_too_late_is_told_of_beside_the_result(
    stack: Stack, stage: Stage
) -> None:
    story, proctor = LearnerStory(stage.learners[0], stage), ProctorStory(stage)
    await story.join()
    proctor.watch()
    await proctor.verify(await story.send_evidence())
    await proctor.start()
    await proctor.authorize(story)
    attempt = await story.begin()
    await story.answer_all(attempt)
    await story.submit()
    question = next(item.item_id for item in attempt.items if item.HasField("numeric"))
    error = await refusal(story.save_again(1000, question, Answer(number=0.9)))
    assert error.metadata["kept"] == "true"
    async with browser() as opened:
        learner = await Visitor.arrive(opened, stack.url("edge"))
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        await learner.page.goto(f"/results/{story.attempt_id}")
        await expect(learner.page.get_by_text("8 of 8 points")).to_be_visible()
        told = learner.page.get_by_text("Your answer to question 4 arrived after the end.")
        await expect(told).to_be_visible()
        await learner.picture("result-with-late-answer")
        assert learner.complaints == []
    await story.close()
    await proctor.close()
