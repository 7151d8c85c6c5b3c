"""Opening the lobby early, the code that a proctor reads out, and what starting a session asks first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.async_api import Browser, Page, expect

from e2e.browsing import Visitor, browser
from e2e.stage import Stage, set_stage
from e2e.story import LearnerStory
from proctorium.session.v1.sessions_pb2 import LATE_ENTRY_CLOSED
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.stack import Stack


async def test_a_lobby_that_is_opened_early_lets_learners_in(stack: Stack) -> None:
    stage = await set_stage(stack.address("edge"), starts_in=timedelta(hours=5))
    async with browser() as opened:
        learner = await Visitor.arrive(opened, stack.url("edge"))
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        await enter(learner.page, stage.code)
        alert = learner.page.get_by_role("alert")
        await expect(alert).to_contain_text("The lobby of this session is not open yet.")
        await expect(learner.page.get_by_text("The lobby opens ")).to_be_visible()

        proctor = await supervising(stack, stage, opened)
        code = proctor.page.get_by_text(f"Enrollment code: {stage.code}")
        await expect(code).to_contain_text("It works when the lobby opens, ")
        await proctor.page.get_by_role("button", name="Open the lobby").click()
        await expect(code).to_have_text(f"Enrollment code: {stage.code}")

        await learner.page.get_by_role("button", name="Join Session").click()
        await expect(learner.page.get_by_text("Waiting", exact=True)).to_be_visible()
        assert learner.complaints + proctor.complaints == []
    await stage.close()


async def test_starting_asks_before_it_shuts_learners_out(stack: Stack) -> None:
    stage = await set_stage(
        stack.address("edge"),
        learner_channels=(EdgeChannel, EdgeChannel, EdgeChannel),
        late_entry=LATE_ENTRY_CLOSED,
    )
    first, *absent = stage.learners
    story = LearnerStory(first, stage)
    await story.join()
    async with browser() as opened:
        proctor = await supervising(stack, stage, opened)
        page = proctor.page
        await page.get_by_role("button", name="Start the session (1 waiting)…").click()
        question = page.get_by_role("group", name="Start the session")
        await expect(question).to_contain_text("2 of 3 are not here: ")
        for learner in absent:
            await expect(question).to_contain_text(learner.name)
        await expect(question).to_contain_text(
            "Late entry is closed: they will not be able to join."
        )
        await expect(question).to_contain_text("The planned start is ")
        await proctor.picture("start-asks")
        await page.get_by_role("button", name="Do not start yet").click()
        await expect(page.get_by_text("Lobby open", exact=True)).to_be_visible()

        stories = [LearnerStory(learner, stage) for learner in absent]
        for one in stories:
            await one.join()
        await page.get_by_role("button", name="Start the session (3 waiting)…").click()
        await expect(question).not_to_contain_text("not here")
        await expect(question).to_contain_text("The planned start is ")
        await page.get_by_role("button", name="Start the session now").click()
        await expect(page.get_by_text("In progress", exact=True)).to_be_visible()
        assert proctor.complaints == []
    for one in (story, *stories):
        await one.close()
    await stage.close()


async def test_late_entry_is_open_for_a_quarter_of_an_hour_unless_it_is_changed(
    stack: Stack, stage: Stage
) -> None:
    async with browser() as opened:
        administrator = await Visitor.arrive(opened, stack.url("edge"))
        await administrator.sign_in(stage.administrator.email, stage.administrator.password)
        await administrator.page.goto("/schedule")
        await expect(administrator.page.get_by_label("Late entry")).to_have_value("15")
        assert administrator.complaints == []


async def test_a_proctor_whose_certification_is_over_is_offered_no_start_and_no_identity_check(
    stack: Stack, stage: Stage
) -> None:
    learner = LearnerStory(stage.learners[0], stage)
    await learner.join()
    await learner.send_evidence()
    async with browser() as opened:
        proctor = await supervising(stack, stage, opened)
        page = proctor.page
        start = page.get_by_role("button", name="Start the session")
        check = page.get_by_role("button", name="Check identity")
        await expect(start).to_be_visible()
        await expect(check).to_be_visible()
        await page.clock.set_fixed_time(datetime.now(UTC) + timedelta(days=3650))
        await page.reload()
        await expect(page.get_by_text("You are not certified as a proctor")).to_be_visible()
        await expect(start).to_have_count(0)
        await expect(page.get_by_text("Waiting for a decision")).to_be_visible()
        await expect(check).to_have_count(0)
        assert proctor.complaints == []
    await learner.close()


async def supervising(stack: Stack, stage: Stage, opened: Browser) -> Visitor:
    """Open the session's page as its proctor."""
    proctor = await Visitor.arrive(opened, stack.url("edge"))
    await proctor.sign_in(stage.proctor.email, stage.proctor.password)
    await proctor.page.goto(f"/supervise/{stage.session_id}")
    return proctor


async def enter(page: Page, code: str) -> None:
    """Enter an enrollment code."""
    await page.goto("/join")
    await page.get_by_label("Enrollment code").fill(code)
    await page.get_by_role("button", name="Join Session").click()
