"""Test breaks on the pages of the learner and the proctor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.async_api import expect

from e2e.axe import violations
from e2e.browsing import Visitor, shared_browser
from e2e.console import open_learner
from e2e.scenario import Scenario, create_scenario
from e2e.test_browser_answers import exam_room, saved_attempt
from e2e.test_browser_pauses import supervising
from proctorium.session.v1.sessions_pb2 import BreakPolicy, ListSessionsRequest
from proctorium_devstack.stack import Stack

_REASON = "Only ten minutes are left.\nPlease finish first."
_HEADING = "You are on a break"


def policy() -> BreakPolicy:
    made = BreakPolicy(count=3, clock_stops=True)
    made.length.FromTimedelta(timedelta(minutes=10))
    return made


async def test_break_is_requested_granted_taken_and_overrun(stack: Stack) -> None:
    scenario = await create_scenario(
        stack.address("edge"), named_after_run=True, break_policy=policy()
    )
    try:
        await _take_breaks(stack, scenario)
    finally:
        await scenario.close()


async def _take_breaks(stack: Stack, scenario: Scenario) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page = learner.page
        prompt = (await saved_attempt(client)).items[0].prompt
        field = page.get_by_label("Your answer")
        await field.fill("about 3")
        proctor = await supervising(stack, scenario, learner)
        name = client.learner.name
        queue = proctor.page.get_by_role("region", name="Breaks")
        request = page.get_by_role("button", name="Request a break")

        # The first request is refused.
        await request.click()
        await expect(page.get_by_text("Please wait for a proctor's decision.")).to_be_visible()
        await expect(queue.get_by_role("heading")).to_have_text("Breaks (1)")
        await expect(queue).to_contain_text("up to 10 minutes possible")
        await queue.get_by_role("button", name=f"Refuse the break… {name}").click()
        form = queue.get_by_role("form", name=f"Refuse the break of {name}")
        await form.get_by_label("Why you refuse").fill(_REASON)
        await proctor.screenshot("break-requested")
        await form.get_by_role("button", name="Refuse the break now").click()
        await expect(page.get_by_text("Your break was refused.")).to_contain_text("ten minutes")
        await learner.screenshot("break-refused")

        # The second request is granted for three seconds. If the length is too long, the error is shown at the field.
        await request.click()
        length = queue.get_by_label(f"Minutes of break for {name}")
        await length.fill("11")
        grant = queue.get_by_role("button", name="Grant the break")
        await grant.click()
        await expect(queue).to_contain_text("The break would be too long.")
        await length.fill("0.05")
        await grant.click()
        await expect(page.get_by_text("Your break is granted: 3 seconds.")).to_be_visible()
        await expect(queue).to_contain_text("granted: 3 seconds, not started yet")
        await page.get_by_role("button", name="Start the break").click()
        await expect(page.get_by_role("heading", name=_HEADING)).to_be_focused()
        await expect(page.get_by_text(prompt)).to_have_count(0)
        await expect(field).to_have_count(0)
        row = proctor.page.get_by_role("row").filter(has_text=name)
        await expect(row).to_contain_text("On a break")
        await expect(page.get_by_role("alert").get_by_text("Your break is over.")).to_be_visible()
        await expect(queue).to_contain_text("Not back in time")
        await expect(row).to_contain_text("Not back from a break")
        for shown in (page, proctor.page):
            assert await violations(shown) == []
        await learner.screenshot("break-overrun")
        await proctor.screenshot("break-queue-overrun")

        await page.goto(f"/sessions/{scenario.session_id}")
        await expect(page.get_by_role("heading", name=_HEADING)).to_be_visible()
        await learner.screenshot("session-on-break")
        await page.goto(f"/attempts/{client.attempt_id}")
        await page.get_by_role("button", name="Return from the break").click()
        await expect(page.get_by_text(prompt)).to_be_visible()
        # A text that is no number is not saved, so the page lost it when it was loaded again.
        await field.fill("about 3")
        await expect(queue).to_contain_text("Nobody has requested a break or is on a break.")

        # The third break is granted in the panel of the learner. The clock is stopped during the break.
        await request.click()
        panel = await open_learner(proctor.page, name)
        await panel.get_by_label(f"Minutes of break for {name}").fill("5")
        await panel.get_by_role("button", name="Grant the break").click()
        await expect(panel).to_contain_text("granted: 5 minutes, not started yet")
        await page.get_by_role("button", name="Start the break").click()
        await expect(page.get_by_text("Clock stopped", exact=True)).to_be_visible()
        await expect(page.get_by_role("timer", name="Time left in your break")).to_contain_text(
            "00:04:"
        )
        await learner.screenshot("exam-on-break")
        await page.get_by_role("button", name="Return from the break").click()
        await expect(field).to_have_value("about 3")
        assert learner.errors == proctor.errors == []


async def test_policy_and_extra_break_time_are_entered_by_administrators(
    stack: Stack, scenario: Scenario
) -> None:
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.goto("/schedule")
        start = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%M}"
        await expect(page.get_by_label("Number of breaks")).to_have_value("0")
        await page.get_by_label("Number of breaks").fill("2")
        await page.get_by_label("All breaks together, in minutes").fill("5")
        await page.get_by_label("Start", exact=True).fill(start)
        await page.get_by_role("group", name="Proctors").get_by_text(scenario.proctor.email).click()
        title = f"Breaks {scenario.session_id[-6:]}"
        await page.get_by_label("Title").fill(title)
        await page.get_by_role("button", name="Schedule", exact=True).click()
        await expect(page.get_by_text("must be between 10 minutes and 20 minutes")).to_be_visible()
        await administrator.screenshot("schedule-breaks")
        await page.get_by_label("All breaks together, in minutes").fill("15")
        await page.get_by_role("button", name="Schedule", exact=True).click()
        await page.wait_for_url("**/supervise/*")
        planned = await scenario.proctor.sessions.ListSessions(ListSessionsRequest(page_size=200))
        (policy_,) = [
            each.plan.break_policy for each in planned.sessions if each.plan.title == title
        ]
        assert (policy_.count, policy_.clock_stops) == (2, True)
        assert policy_.total.ToTimedelta() == timedelta(minutes=15)
        assert administrator.errors == []
