"""Test the proctor's page before the start: opening the lobby early, the code, and confirming the start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.async_api import Browser, Page, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient
from e2e.console import open_learner
from e2e.scenario import Scenario, create_scenario
from proctorium.session.v1.sessions_pb2 import LATE_ENTRY_CLOSED
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.stack import Stack


async def test_learners_can_join_after_the_lobby_was_opened_early(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"), starts_in=timedelta(hours=5))
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await enter(learner.page, scenario.code)
        alert = learner.page.get_by_role("alert")
        await expect(alert).to_contain_text("The lobby of this session is not open yet.")
        await expect(learner.page.get_by_text("The lobby opens ")).to_be_visible()

        proctor = await supervising(stack, scenario, opened)
        code = proctor.page.get_by_text(f"Enrollment code: {scenario.code}")
        await expect(code).to_contain_text("It works when the lobby opens, ")
        await proctor.page.get_by_role("button", name="Open the lobby").click()
        await expect(code).to_have_text(f"Enrollment code: {scenario.code}")

        await learner.page.get_by_role("button", name="Join Session").click()
        await expect(learner.page.get_by_text("Waiting", exact=True)).to_be_visible()
        assert learner.errors + proctor.errors == []
    await scenario.close()


async def test_start_without_late_entry_requires_confirmation(stack: Stack) -> None:
    scenario = await create_scenario(
        stack.address("edge"),
        learner_channels=(EdgeChannel, EdgeChannel, EdgeChannel),
        late_entry=LATE_ENTRY_CLOSED,
    )
    first, *absent = scenario.learners
    client = LearnerClient(first, scenario)
    await client.join()
    async with shared_browser() as opened:
        proctor = await supervising(stack, scenario, opened)
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
        await proctor.screenshot("start-confirmation")
        await page.get_by_role("button", name="Do not start yet").click()
        await expect(page.get_by_text("Lobby open", exact=True)).to_be_visible()

        clients = [LearnerClient(learner, scenario) for learner in absent]
        for each in clients:
            await each.join()
        await page.get_by_role("button", name="Start the session (3 waiting)…").click()
        await expect(question).not_to_contain_text("not here")
        await expect(question).to_contain_text("The planned start is ")
        await page.get_by_role("button", name="Start the session now").click()
        await expect(page.get_by_text("In progress", exact=True)).to_be_visible()
        assert proctor.errors == []
    for each in (client, *clients):
        await each.close()
    await scenario.close()


async def test_late_entry_defaults_to_fifteen_minutes(stack: Stack, scenario: Scenario) -> None:
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"))
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await administrator.page.goto("/schedule")
        await expect(administrator.page.get_by_label("Late entry")).to_have_value("15")
        assert administrator.errors == []


async def test_proctor_with_expired_certification_cannot_start_or_check_identities(
    stack: Stack, scenario: Scenario
) -> None:
    learner = LearnerClient(scenario.learners[0], scenario)
    await learner.join()
    await learner.send_evidence()
    async with shared_browser() as opened:
        proctor = await supervising(stack, scenario, opened)
        page = proctor.page
        start = page.get_by_role("button", name="Start the session")
        check = page.get_by_role("button", name="Check identity")
        await expect(start).to_be_visible()
        await open_learner(page, scenario.learners[0].name)
        await expect(check).to_be_visible()
        await page.clock.set_fixed_time(datetime.now(UTC) + timedelta(days=3650))
        await page.reload()
        await expect(page.get_by_text("You are not certified as a proctor")).to_be_visible()
        await expect(start).to_have_count(0)
        panel = await open_learner(page, scenario.learners[0].name)
        await expect(panel.get_by_text("Waiting for a decision")).to_be_visible()
        await expect(check).to_have_count(0)
        assert proctor.errors == []
    await learner.close()


async def supervising(stack: Stack, scenario: Scenario, opened: Browser) -> Visitor:
    """Open the page of the session as the proctor of the session."""
    proctor = await Visitor.open(opened, stack.url("edge"))
    await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
    await proctor.page.goto(f"/supervise/{scenario.session_id}")
    return proctor


async def enter(page: Page, code: str) -> None:
    """Type an enrollment code in the form on the page, and submit the form."""
    await page.goto("/join")
    await page.get_by_label("Enrollment code").fill(code)
    await page.get_by_role("button", name="Join Session").click()
