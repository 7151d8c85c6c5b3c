"""Test the story of `make demo` on the pages: an eventful day of two proctors and three learners in real browsers."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import timedelta

from playwright.async_api import Browser, Page, expect

from e2e.browsing import Visitor, browser
from e2e.console import open_learner, row_of
from e2e.exam_day import ExamDay, plan_day
from e2e.test_browser import start_session, submit_evidence, verify_identity
from e2e.test_browser_coverage import proctors, visit
from proctorium.session.v1.sessions_pb2 import GetSessionRequest
from proctorium_devstack.demo.people import Person
from proctorium_devstack.stack import Stack

_FIRE = "The fire alarm rang. Go outside."
_ILL = "You are not well. Please wait in the next room."
# On a busy machine, a test needs some seconds to cancel the end of the session.
_COUNTDOWN = timedelta(seconds=30)
_COUNTDOWN_LABEL = "Time until the end of the session"


async def test_eventful_day_is_managed_on_the_pages(stack: Stack) -> None:
    day = await plan_day(stack.address("edge"), countdown=_COUNTDOWN)
    session = f"/supervise/{day.scenario.session_id}"
    async with browser() as opened:
        async with browser() as crashing:
            first = await visit(crashing, stack, day.scenario.proctor, session)
            learners = [await arrive(opened, stack, day, each) for each in day.scenario.learners]
            await start_exam(first, day, learners)
            await sound_the_fire_alarm(first, learners)
            learners[1] = await replace_laptop(opened, stack, day, first, learners[1])
            await fall_ill(first, day, learners[2])
            colleague = await visit(opened, stack, day.colleague, "/supervise")
            await kill(crashing)
        await take_over(colleague, day)
        await end_day(colleague, day, learners)
        for visitor in (colleague, *learners):
            assert visitor.errors == []
    await day.colleague.close()
    await day.scenario.close()


async def arrive(opened: Browser, stack: Stack, day: ExamDay, person: Person) -> Visitor:
    """Sign a learner in, enter the code and send the photos."""
    learner = await visit(opened, stack, person, "/join")
    await enter_code(learner.page, day.scenario.code)
    await expect(learner.page.get_by_text("Waiting", exact=True)).to_be_visible()
    await submit_evidence(learner.page, person.name)
    return learner


async def enter_code(page: Page, code: str) -> None:
    await page.get_by_label("Enrollment code").fill(code)
    await page.get_by_role("button", name="Join Session").click()


async def start_exam(proctor: Visitor, day: ExamDay, learners: Sequence[Visitor]) -> None:
    """Verify the learners, start the session, and let the learners answer; check the extra time of the first."""
    for person in day.scenario.learners:
        await verify_identity(proctor, person.name)
    await start_session(proctor)
    await proctor.page.get_by_role("button", name="Authorise the assessment for all").click()
    for learner in learners:
        await learner.page.get_by_role("link", name="Go to the assessment").click()
        await learner.page.get_by_role("button", name="Start the assessment").click()
        await learner.page.get_by_label("Your answer").fill("0.4")
        await expect(learner.page.get_by_text("All answers saved")).to_be_visible()
    extended, planned = [await remaining_seconds(each.page) for each in learners[:2]]
    assert 1.2 * planned < extended < 1.26 * planned


async def remaining_seconds(page: Page) -> int:
    """Return the remaining time that the clock of the exam room shows."""
    text = await page.get_by_role("timer").inner_text()
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return (hours * 60 + minutes) * 60 + seconds


async def sound_the_fire_alarm(proctor: Visitor, learners: Sequence[Visitor]) -> None:
    """Pause everybody and resume; the questions disappear, and the answers come back with them."""
    page = proctor.page
    await page.get_by_role("button", name="Pause everybody…").click()
    form = page.get_by_role("form", name="Pause everybody")
    await form.get_by_label("Why you pause").fill(_FIRE)
    await form.get_by_role("button", name="Pause everybody now").click()
    for learner in learners:
        paused = learner.page.get_by_role("heading", name="Paused by your proctor")
        await expect(paused).to_be_visible()
        await expect(learner.page.get_by_role("alert")).to_contain_text(_FIRE)
        await expect(learner.page.get_by_label("Your answer")).to_have_count(0)
    await page.get_by_role("button", name="Resume everybody").click()
    for learner in learners:
        await expect(learner.page.get_by_label("Your answer")).to_have_value("0.4")


async def replace_laptop(
    opened: Browser, stack: Stack, day: ExamDay, proctor: Visitor, broken: Visitor
) -> Visitor:
    """Close the window of the second learner, and let the learner continue in a new window."""
    person = day.scenario.learners[1]
    await broken.page.get_by_label("False").check()
    await expect(broken.page.get_by_text("All answers saved")).to_be_visible()
    await broken.page.context.close()
    await expect(row_of(proctor.page, person.name)).to_contain_text("Disconnected", timeout=60_000)
    assert broken.errors == []
    learner = await visit(opened, stack, person, "/join")
    await enter_code(learner.page, day.scenario.code)
    await learner.page.get_by_role("link", name="Continue the assessment").click()
    await expect(learner.page.get_by_label("False")).to_be_checked()
    await expect(learner.page.get_by_label("Your answer")).to_have_value("0.4")
    await expect(row_of(proctor.page, person.name)).not_to_contain_text("Disconnected")
    return learner


async def fall_ill(proctor: Visitor, day: ExamDay, learner: Visitor) -> None:
    """Remove the third learner, who reads the reason, and readmit the learner."""
    name = day.scenario.learners[2].name
    panel = await open_learner(proctor.page, name)
    await panel.get_by_role("button", name="Remove…").click()
    form = proctor.page.get_by_role("form", name=f"Remove {name} from the session")
    await form.get_by_label(f"Why {name} is removed").fill(_ILL)
    await form.get_by_role("button", name="Remove now").click()
    await expect(learner.page.get_by_role("alert")).to_contain_text(_ILL)
    await expect(learner.page.get_by_label("Your answer")).to_have_count(0)
    await panel.get_by_role("button", name="Readmit").click()
    await expect(learner.page.get_by_label("Your answer")).to_have_value("0.4")


async def kill(crashing: Browser) -> None:
    """Kill the process of a browser with SIGKILL."""
    devtools = await crashing.new_browser_cdp_session()
    processes = (await devtools.send("SystemInfo.getProcessInfo"))["processInfo"]
    (pid,) = (each["id"] for each in processes if each["type"] == "browser")
    os.kill(pid, signal.SIGKILL)


async def take_over(colleague: Visitor, day: ExamDay) -> None:
    """Let the colleague, who is not in the plan, take over after the alarm."""
    request = GetSessionRequest(session_id=day.scenario.session_id)
    title = (await day.scenario.administrator.sessions.GetSession(request)).session.plan.title
    page = colleague.page
    alarm = page.get_by_text(f"No proctor is present in “{title}”.")
    await expect(alarm).to_be_visible(timeout=60_000)
    await page.get_by_role("button", name=f"Take over {title}").click()
    await expect(proctors(page)).to_contain_text("Lead proctor: you")
    for person in day.scenario.learners:
        await expect(row_of(page, person.name)).to_contain_text("In Session")


async def end_day(colleague: Visitor, day: ExamDay, learners: Sequence[Visitor]) -> None:
    """End the session with a countdown that is cancelled once; every saved answer is submitted and scored."""
    page = colleague.page
    for learner in learners[:2]:
        await learner.page.get_by_role("button", name="Submit…").click()
        await learner.page.get_by_role("button", name="Submit now").click()
        await expect(learner.page.get_by_text("You have submitted your answers.")).to_be_visible()
    last = learners[2].page
    for is_final in (False, True):
        await page.get_by_role("button", name="End the session…").click()
        working = page.get_by_role("group", name="End the session…").get_by_role("listitem")
        await expect(working).to_contain_text([day.scenario.learners[2].name])
        await page.get_by_role("button", name="End the session in 30 seconds").click()
        await expect(last.get_by_role("timer", name=_COUNTDOWN_LABEL)).to_be_visible()
        if not is_final:
            await page.get_by_role("button", name="Cancel the end of the session").click()
            await expect(last.get_by_role("timer", name=_COUNTDOWN_LABEL)).to_have_count(0)
    await page.get_by_role("button", name="End it without waiting…").click()
    await page.get_by_role("button", name="End the session now").click()
    await expect(page.get_by_text("Ended", exact=True)).to_be_visible()
    await expect(last.get_by_text("The session has ended. The answers")).to_be_visible()
    for person, learner in zip(day.scenario.learners, learners, strict=True):
        await expect(row_of(page, person.name)).to_contain_text("Result released", timeout=30_000)
        await learner.page.get_by_role("link", name="See your result").click()
        await expect(learner.page.get_by_text(" of 8 points").first).to_be_visible()
