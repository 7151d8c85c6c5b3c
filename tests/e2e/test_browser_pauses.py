"""Test pauses and extra time on the pages of the proctor and the learner."""

from __future__ import annotations

from playwright.async_api import Locator, expect

from e2e.browsing import Visitor
from e2e.clients import LearnerClient
from e2e.console import open_learner
from e2e.scenario import Scenario
from e2e.test_browser_answers import exam_room, saved_attempt
from proctorium.assessment.v1.attempts_pb2 import CLOCK_STATE_PAUSED, Attempt
from proctorium_devstack.stack import Stack

_ALARM = "The fire alarm rang.\nWait at the meeting point."
_LAPTOP = "The laptop was replaced."
_STORED = """
    async () => {
        const cache = await caches.open("attempt");
        const found = await cache.match("/stored/attempt");
        return found ? await found.text() : "";
    }
"""


async def test_pause_hides_the_questions_until_the_proctor_resumes(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page = learner.page
        prompt = (await saved_attempt(client)).items[0].prompt
        field = page.get_by_label("Your answer")
        await page.get_by_label("True").check()
        await field.fill("about 3")
        await expect(page.get_by_text(prompt)).to_be_visible()
        proctor = await supervising(stack, scenario, learner)
        panel = await open_learner(proctor.page, client.learner.name)
        await panel.get_by_role("button", name="Pause…").click()
        form = proctor.page.get_by_role("form", name=f"Pause {client.learner.name}")
        await form.get_by_label("Why you pause").fill(_ALARM)
        await proctor.screenshot("pause-form")
        await form.get_by_role("button", name="Pause now").click()
        await expect(panel).to_contain_text("Paused: The fire alarm rang.")

        await expect(page.get_by_role("heading", name="Paused by your proctor")).to_be_visible()
        await expect(page.get_by_role("alert")).to_contain_text("Wait at the meeting point.")
        await expect(page.get_by_text("Clock stopped", exact=True)).to_be_visible()
        await expect(page.get_by_text(prompt)).to_have_count(0)
        await expect(field).to_have_count(0)
        paused = await paused_attempt(client)
        assert not paused.items
        assert {one.answer.WhichOneof("value") for one in paused.answers} == {"truth"}
        await expect(page.get_by_role("timer")).to_have_text(clock_text(paused))
        await page.wait_for_function(
            f"async prompt => !(await ({_STORED})()).includes(prompt)", arg=prompt
        )
        await learner.screenshot("exam-paused")

        await panel.get_by_role("button", name="Resume").click()
        await expect(page.get_by_text(prompt)).to_be_visible()
        await expect(field).to_have_value("about 3")
        await expect(page.get_by_label("True")).to_be_checked()
        await expect(panel.get_by_role("button", name="Pause…")).to_be_visible()
        assert learner.errors == proctor.errors == []


async def test_pause_of_everybody_is_shown_on_each_page_of_the_learner(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page = learner.page
        proctor = await supervising(stack, scenario, learner)
        await proctor.page.get_by_role("button", name="Pause everybody…").click()
        form = proctor.page.get_by_role("form", name="Pause everybody")
        await form.get_by_label("Why you pause").fill(_ALARM)
        await form.get_by_role("button", name="Pause everybody now").click()
        await expect(proctor.page.get_by_text("Everybody is paused: The fire")).to_be_visible()
        await expect(page.get_by_role("heading", name="Paused by your proctor")).to_be_visible()

        await page.reload()
        await expect(page.get_by_role("heading", name="Paused by your proctor")).to_be_visible()
        await expect(page.get_by_label("Your answer")).to_have_count(0)
        await page.goto(f"/sessions/{scenario.session_id}")
        await expect(page.get_by_text("Paused", exact=True)).to_be_visible()
        await expect(page.get_by_role("alert")).to_contain_text("Wait at the meeting point.")
        await learner.screenshot("session-paused")

        await page.goto(f"/attempts/{client.attempt_id}")
        await expect(page.get_by_role("heading", name="Paused by your proctor")).to_be_visible()
        await proctor.page.get_by_role("button", name="Resume everybody").click()
        await expect(page.get_by_label("Your answer")).to_be_visible()
        await expect(proctor.page.get_by_text("Everybody is paused")).to_have_count(0)
        assert learner.errors == proctor.errors == []


async def test_extra_time_is_shown_with_its_reason_and_can_be_taken_back(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page = learner.page
        proctor = await supervising(stack, scenario, learner)
        panel = await open_learner(proctor.page, client.learner.name)
        before = await page.get_by_role("timer").inner_text()
        await grant(panel, "10", _LAPTOP)
        await expect(panel).to_contain_text(f"10 minutes extra: {_LAPTOP}")
        await expect(page.get_by_text("You have 10 minutes of extra time")).to_contain_text(_LAPTOP)
        await page.wait_for_function(
            "before => document.querySelector('[role=timer]').textContent > before", arg=before
        )
        assert (await saved_attempt(client)).extra_time.seconds == 600
        await proctor.screenshot("extra-time")
        await learner.screenshot("exam-extra-time")

        await grant(panel, "-15", "It was a mistake.")
        await expect(panel).to_contain_text("This learner has less extra time")
        await panel.get_by_label("Minutes").fill("-10")
        await panel.get_by_role("button", name="Change the time now").click()
        await expect(page.get_by_text("Your extra time was taken back.")).to_be_visible()

        await proctor.page.get_by_role("button", name="Extra time for everybody…").click()
        form = proctor.page.get_by_role("form", name="Extra time for everybody")
        await form.get_by_label("Minutes").fill("5")
        await form.get_by_label("Why the time changes").fill(_LAPTOP)
        await form.get_by_role("button", name="Change the time now").click()
        await expect(page.get_by_text("You have 5 minutes of extra time")).to_be_visible()
        assert learner.errors == proctor.errors == []


async def supervising(stack: Stack, scenario: Scenario, learner: Visitor) -> Visitor:
    """Open the page of the session as its proctor, in another window of the learner's browser."""
    opened = learner.page.context.browser
    assert opened is not None
    proctor = await Visitor.open(opened, stack.url("edge"))
    await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
    await proctor.page.goto(f"/supervise/{scenario.session_id}")
    return proctor


async def grant(panel: Locator, minutes: str, reason: str) -> None:
    """Change the extra time of the learner in the panel."""
    await panel.get_by_role("button", name="Extra time…").click()
    await panel.get_by_label("Minutes").fill(minutes)
    await panel.get_by_label("Why the time changes").fill(reason)
    await panel.get_by_role("button", name="Change the time now").click()


async def paused_attempt(client: LearnerClient) -> Attempt:
    """Return the attempt when the service that computes the clock has received the pause."""
    assert client.exam is not None
    await client.exam.until(
        lambda view: view.attempt.clock_state == CLOCK_STATE_PAUSED, "the clock paused"
    )
    return await saved_attempt(client)


def clock_text(attempt: Attempt) -> str:
    """Return the remaining time as the page shows it."""
    seconds = round(attempt.remaining_time.ToTimedelta().total_seconds())
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
