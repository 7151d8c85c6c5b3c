"""Test the end of a session on the pages of the proctor and the learner."""

from __future__ import annotations

from datetime import timedelta

from playwright.async_api import expect

from e2e.scenario import create_scenario
from e2e.test_browser_answers import exam_room
from e2e.test_browser_pauses import supervising
from proctorium_devstack.stack import Stack

_COUNTDOWN = "Time until the end of the session"


async def test_proctor_ends_the_session_with_a_countdown_and_reopens_it(stack: Stack) -> None:
    scenario = await create_scenario(
        stack.address("edge"),
        closing_countdown=timedelta(minutes=10),
        reopen_window=timedelta(minutes=10),
        named_after_run=True,
    )
    async with exam_room(stack, scenario) as (client, learner):
        page = learner.page
        proctor = await supervising(stack, scenario, learner)
        staff = proctor.page
        await expect(page.get_by_text("Planned end: ")).to_be_visible()
        await expect(staff.get_by_text("Planned end: ")).to_be_visible()

        await staff.get_by_role("button", name="End the session…").click()
        question = staff.get_by_role("group", name="End the session…")
        working = question.get_by_role("listitem").filter(has_text=client.learner.name)
        await expect(working).to_contain_text(" left")
        await proctor.screenshot("end-session")
        await question.get_by_role("button", name="End the session in 10 minutes").click()
        for window in (page, staff):
            await expect(window.get_by_role("timer", name=_COUNTDOWN)).to_contain_text("00:09:")
        await expect(staff.get_by_text("Closing", exact=True)).to_be_visible()
        await proctor.screenshot("closing")
        await learner.screenshot("exam-closing")
        await page.get_by_label("Your answer").fill("about 3")

        await staff.get_by_role("button", name="Cancel the end of the session").click()
        for window in (page, staff):
            await expect(window.get_by_role("timer", name=_COUNTDOWN)).to_have_count(0)
        await expect(page.get_by_label("Your answer")).to_have_value("about 3")

        await staff.get_by_role("button", name="End the session…").click()
        await staff.get_by_role("button", name="End the session in 10 minutes").click()
        await staff.get_by_role("button", name="End it without waiting…").click()
        await staff.get_by_role("button", name="End the session now").click()
        await expect(staff.get_by_text("Ended", exact=True)).to_be_visible()
        await expect(page.get_by_text("Planned end: ")).to_have_count(0)

        await expect(staff.get_by_text("Proctors can reopen the session until ")).to_be_visible()
        await expect(page.get_by_label("Your answer")).to_have_count(0)
        await staff.get_by_role("button", name="Reopen the session…").click()
        await expect(staff.get_by_text("their open attempts continue")).to_be_visible()
        await proctor.screenshot("reopen-session")
        await staff.get_by_role("button", name="Reopen the session now").click()
        await expect(staff.get_by_text("In progress", exact=True)).to_be_visible()
        await expect(page.get_by_label("Your answer")).to_be_visible()
        await expect(page.get_by_text("Planned end: ")).to_be_visible()
        await learner.screenshot("exam-reopened")
        assert learner.errors == proctor.errors == []
    await scenario.close()
