"""Test withdrawals, late entries and further identity checks on the pages of the proctor and the learner."""

from __future__ import annotations

from playwright.async_api import Browser, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.console import open_learner
from e2e.scenario import Scenario, create_scenario
from e2e.test_browser_answers import exam_room
from e2e.test_browser_pauses import supervising
from proctorium.session.v1.lobby_pb2 import JoinSessionRequest
from proctorium.session.v1.sessions_pb2 import IDENTITY_POLICY_NONE, LATE_ENTRY_APPROVAL
from proctorium.session.v1.supervision_pb2 import AuthorizeAssessmentRequest
from proctorium_devstack.demo.people import Person
from proctorium_devstack.stack import Stack

_DENIAL = "You are 40 minutes late."
_DOUBT = "The person on the camera looks different."


async def test_authorisation_can_be_withdrawn_before_the_start(
    stack: Stack, scenario: Scenario
) -> None:
    client, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await client.join()
    proctor.watch()
    await proctor.verify(await client.send_evidence())
    await proctor.start()
    await proctor.authorize(client)
    async with shared_browser() as opened:
        learner = await session_page(stack, scenario, opened, client.learner)
        can_start = learner.page.get_by_text("The assessment is authorised for you.")
        await expect(can_start).to_be_visible()
        staff = await supervising(stack, scenario, learner)
        panel = await open_learner(staff.page, client.learner.name)
        await panel.get_by_role("button", name="Withdraw").click()
        await expect(panel).to_contain_text("Not authorised")
        await expect(can_start).to_have_count(0)
        await panel.get_by_role("button", name="Authorise").click()
        await expect(can_start).to_be_visible()

        await client.start()
        await expect(panel.get_by_role("button", name="Withdraw")).to_have_count(0)
        assert learner.errors == staff.errors == []
    await client.close()
    await proctor.close()


async def test_late_learner_is_denied_and_admitted(stack: Stack) -> None:
    scenario = await create_scenario(
        stack.address("edge"), late_entry=LATE_ENTRY_APPROVAL, named_after_run=True
    )
    first, late = scenario.learners
    client, proctor = LearnerClient(first, scenario), ProctorClient(scenario)
    await client.join()
    proctor.watch()
    await proctor.start()
    await late.lobby.JoinSession(JoinSessionRequest(code=scenario.code))
    async with shared_browser() as opened:
        learner = await session_page(stack, scenario, opened, late)
        page = learner.page
        await expect(page.get_by_role("heading", name="Please wait to be admitted")).to_be_visible()
        await expect(page.get_by_text("Proctor: Piotr", exact=True)).to_be_visible()
        await learner.screenshot("session-awaiting-approval")
        staff = await supervising(stack, scenario, learner)
        queue = staff.page.get_by_role("region", name="Late entries (1)")
        await expect(queue).to_contain_text("waiting for")
        await staff.screenshot("late-entries")
        await queue.get_by_role("button", name=f"Deny… {late.name}").click()
        form = staff.page.get_by_role("form", name=f"Deny entry to {late.name}")
        await form.get_by_label("Why you deny the entry").fill(_DENIAL)
        await form.get_by_role("button", name="Deny now").click()
        await expect(page.get_by_role("alert")).to_contain_text(_DENIAL)
        await learner.screenshot("session-denied")
        panel = await open_learner(staff.page, late.name)
        await expect(panel).to_contain_text(f"Reason: {_DENIAL}")

        await panel.get_by_role("button", name=f"Admit {late.name}").click()
        await expect(page.get_by_text("In Session", exact=True)).to_be_visible()
        await expect(page.get_by_role("heading", name="Course content")).to_be_visible()
        # The Admit button disappears, and the panel takes the focus. Before that, Escape would not close the panel.
        await expect(panel.get_by_role("heading", name=late.name)).to_be_focused()
        await staff.page.keyboard.press("Escape")
        await expect(staff.page.get_by_text("Nobody is waiting for approval.")).to_be_visible()
        assert learner.errors == staff.errors == []
    await client.close()
    await proctor.close()
    await scenario.close()


async def test_identity_is_checked_again_while_the_attempt_continues(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page = learner.page
        staff = await supervising(stack, scenario, learner)
        panel = await open_learner(staff.page, client.learner.name)
        await panel.get_by_role("button", name="Check again…").click()
        form = staff.page.get_by_role(
            "form", name=f"Check the identity of {client.learner.name} again"
        )
        await form.get_by_label("Why you check again").fill(_DOUBT)
        await form.get_by_role("button", name="Check again now").click()
        await expect(panel).to_contain_text("New photos requested")
        notice = page.get_by_text("Your identity has to be checked again.")
        await expect(notice).to_be_visible()
        await expect(page.get_by_label("Your answer")).to_be_visible()
        await learner.screenshot("exam-identity-again")
        await page.get_by_role("link", name="Send new photos").click()
        await expect(page.get_by_text(f"New photos are needed: {_DOUBT}")).to_be_visible()
        await expect(page.get_by_label("Photo of your identity document")).to_be_visible()
        assert learner.errors == staff.errors == []


async def test_learner_reads_why_an_identity_check_is_requested(stack: Stack) -> None:
    scenario = await create_scenario(
        stack.address("edge"), identity_policy=IDENTITY_POLICY_NONE, named_after_run=True
    )
    client, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await client.join()
    await proctor.start()
    await scenario.proctor.supervision.AuthorizeAssessment(
        AuthorizeAssessmentRequest(
            session_id=scenario.session_id, assessment_id=scenario.assessment_id
        )
    )
    await client.start()
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        page, name = learner.page, client.learner.name
        await learner.sign_in(client.learner.email, client.learner.password)
        await page.goto(f"/attempts/{client.attempt_id}")
        staff = await supervising(stack, scenario, learner)
        panel = await open_learner(staff.page, name)
        await panel.get_by_role("button", name="Request an identity check…").click()
        form = staff.page.get_by_role("form", name=f"Request an identity check from {name}")
        await form.get_by_label("Why you request an identity check").fill(_DOUBT)
        await form.get_by_role("button", name="Request now").click()
        await expect(page.get_by_text("A proctor asks you for an identity check.")).to_contain_text(
            f"The reason: {_DOUBT}"
        )
        await expect(page.get_by_label("Your answer")).to_be_visible()
        await learner.screenshot("exam-identity-requested")
        await page.get_by_role("link", name="Send photos").click()
        reason = page.get_by_text(f"A proctor asks you for an identity check: {_DOUBT}")
        await expect(reason).to_be_visible()
        await expect(page.get_by_label("Photo of your identity document")).to_be_visible()
        assert learner.errors == staff.errors == []
    await client.close()
    await proctor.close()
    await scenario.close()


async def session_page(
    stack: Stack, scenario: Scenario, opened: Browser, person: Person
) -> Visitor:
    """Open the page of the session as a learner."""
    learner = await Visitor.open(opened, stack.url("edge"))
    await learner.sign_in(person.email, person.password)
    await learner.page.goto(f"/sessions/{scenario.session_id}")
    return learner
