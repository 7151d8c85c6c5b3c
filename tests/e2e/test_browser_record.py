"""Test that a learner reads in the browser what the session record contains about them."""

from __future__ import annotations

from playwright.async_api import expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario
from proctorium_devstack.stack import Stack


async def test_learner_reads_own_record(stack: Stack, scenario: Scenario) -> None:
    clients = [LearnerClient(each, scenario) for each in scenario.learners]
    for client in clients:
        await client.join()
    await ProctorClient(scenario).start()
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        page = learner.page
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await page.goto(f"/sessions/{scenario.session_id}")
        await page.get_by_role("link", name="What was recorded about you").click()
        joined = page.get_by_role("listitem").filter(has_text="You joined the session.")
        await expect(joined).to_have_count(1)
        await expect(joined).to_contain_text("you")
        started = page.get_by_role("listitem").filter(has_text="The session started.")
        await expect(started).to_contain_text("a proctor or an administrator")
        await expect(started).to_contain_text("everybody")
        await learner.screenshot("own-record")
        assert learner.errors == []
    for client in clients:
        await client.close()
