"""Test removals, readmissions and ends for one learner on the pages of the proctor and the learner."""

from __future__ import annotations

from playwright.async_api import expect

from e2e.console import open_learner
from e2e.scenario import Scenario
from e2e.test_browser_answers import exam_room, saved_attempt
from e2e.test_browser_pauses import supervising
from proctorium_devstack.stack import Stack

_PHONE = "A phone rang in the room."
_ILL = "You felt ill and went home."


async def test_removed_learner_reads_the_reason_and_continues_after_the_readmission(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, name = learner.page, client.learner.name
        prompt = (await saved_attempt(client)).items[0].prompt
        await page.get_by_label("True").check()
        proctor = await supervising(stack, scenario, learner)
        panel = await open_learner(proctor.page, name)
        await panel.get_by_role("button", name="Remove…").click()
        form = proctor.page.get_by_role("form", name=f"Remove {name} from the session")
        await form.get_by_label(f"Why {name} is removed").fill(_PHONE)
        await form.get_by_role("button", name="Remove now").click()
        await expect(panel).to_contain_text(f"Removed: {_PHONE}")

        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text(_PHONE)
        await expect(alert).to_contain_text("Your answers are safe")
        await expect(page.get_by_text(prompt)).to_have_count(0)
        await expect(page.get_by_role("button", name="Submit…")).to_have_count(0)
        await learner.screenshot("exam-removed")
        await page.goto(f"/sessions/{scenario.session_id}")
        await expect(page.get_by_role("alert")).to_contain_text(_PHONE, timeout=20_000)
        await learner.screenshot("session-removed")

        await proctor.screenshot("roster-removed")
        await panel.get_by_role("button", name="Readmit").click()
        await expect(panel.get_by_role("button", name="Remove…")).to_be_visible()
        await page.get_by_role("link", name="Continue the assessment").click()
        await expect(page.get_by_text(prompt)).to_be_visible()
        await expect(page.get_by_label("True")).to_be_checked()
        assert learner.errors == proctor.errors == []


async def test_session_is_ended_for_one_learner_with_a_reason(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, name = learner.page, client.learner.name
        await page.get_by_label("True").check()
        await saved_attempt(client)
        proctor = await supervising(stack, scenario, learner)
        panel = await open_learner(proctor.page, name)
        await panel.get_by_role("button", name="End for this learner…").click()
        form = proctor.page.get_by_role("form", name=f"End the session for {name}")
        await form.get_by_label(f"Why the session ends for {name}").fill(_ILL)
        await proctor.screenshot("end-for-learner-form")
        await form.get_by_role("button", name="End it now").click()
        await expect(panel).to_contain_text(f"Ended for this learner: {_ILL}")
        await expect(panel).to_contain_text("Completed")

        submitted = page.get_by_text("The answers that were saved by then were submitted.")
        await expect(submitted).to_be_visible()
        await expect(page.get_by_text(f"The reason: {_ILL}")).to_be_visible()
        await learner.screenshot("exam-ended-for-learner")
        await page.goto(f"/sessions/{scenario.session_id}")
        await expect(page.get_by_role("heading", name="was ended for you")).to_be_visible()
        assert learner.errors == proctor.errors == []
