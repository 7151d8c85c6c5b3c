"""Test the page that shows the result of a learner."""

from __future__ import annotations

from playwright.async_api import expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario
from proctorium.assessment.v1.items_pb2 import Answer
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.refusals import refusal


async def test_late_answer_is_shown_beside_the_result(stack: Stack, scenario: Scenario) -> None:
    client, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await client.join()
    proctor.watch()
    await proctor.verify(await client.send_evidence())
    await proctor.start()
    await proctor.authorize(client)
    attempt = await client.start()
    await client.answer_all(attempt)
    await client.submit()
    question = next(item.item_id for item in attempt.items if item.HasField("numeric"))
    error = await refusal(client.save_as(1000, question, Answer(number=0.9)))
    assert error.metadata["stored"] == "true"
    await proctor.end()
    await client.wait_for_result()
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await learner.page.goto(f"/results/{client.attempt_id}")
        await expect(learner.page.get_by_text("8 of 8 points")).to_be_visible()
        notice = learner.page.get_by_text("Your answer to question 4 arrived after the end.")
        await expect(notice).to_be_visible()
        await learner.screenshot("result-with-late-answer")
        assert learner.errors == []
    await client.close()
    await proctor.close()
