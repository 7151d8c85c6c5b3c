"""Test that accommodations are written in the browser, read by those who may read them, and applied."""

from __future__ import annotations

from datetime import timedelta

from playwright.async_api import expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient
from e2e.console import open_learner
from e2e.scenario import Scenario
from e2e.test_browser_order import session_page
from e2e.test_browser_pauses import supervising
from proctorium.assessment.v1.attempts_pb2 import Attempt, ListAttemptsRequest
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack

_REASON = "The passport was shown at the door."


async def test_accommodations_are_written_and_extend_the_time_limit(
    stack: Stack, scenario: Scenario
) -> None:
    learner = LearnerClient(scenario.learners[0], scenario)
    await learner.join()
    before = await eventually(lambda: attempt_of(learner), "the attempt")
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.goto("/people")
        await page.get_by_label("Find by name or e-mail address").fill(learner.learner.email)
        await page.get_by_text(f"Change {learner.learner.name}").click()
        form = page.get_by_role("form", name=f"Accommodations of {learner.learner.name}")
        await form.get_by_label("Extra time in per cent").fill("25")
        await form.get_by_label("Extra break time in minutes").fill("20")
        await form.get_by_label("Assistive technology").fill("Screen magnifier: low vision")
        await form.get_by_label("Note for proctors").fill("Sits close to the screen.")
        await form.get_by_role("button", name="Save accommodations").click()
        await expect(page.get_by_text("1 revision", exact=True)).to_be_visible()
        await administrator.screenshot("accommodations")
        await form.get_by_label("Extra time in per cent").fill("50")
        await form.get_by_role("button", name="Save accommodations").click()
        await expect(page.get_by_text("2 revisions", exact=True)).to_be_visible()
        assert administrator.errors == []

        proctor = await Visitor.open(opened, stack.url("edge"))
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
        await proctor.page.goto(f"/supervise/{scenario.session_id}")
        row = proctor.page.get_by_role("row").filter(has_text=learner.learner.name)
        await expect(row).to_contain_text("Accommodation: Sits close to the screen.")
        await expect(proctor.page.get_by_text("low vision")).to_have_count(0)
        assert proctor.errors == []

        own = await Visitor.open(opened, stack.url("edge"))
        await own.sign_in(learner.learner.email, learner.learner.password)
        await own.page.goto("/account")
        await expect(own.page.get_by_text("50 % more time")).to_be_visible()
        await expect(own.page.get_by_text("20 minutes more break time")).to_be_visible()
        await expect(own.page.get_by_text("Screen magnifier: low vision")).to_be_visible()
        assert own.errors == []

    async def extended() -> Attempt | None:
        attempt = await attempt_of(learner)
        return attempt if attempt and limit_of(attempt) == 1.5 * limit_of(before) else None

    await eventually(extended, "the extended time limit")
    await learner.close()


async def test_identity_is_checked_without_photos(stack: Stack, scenario: Scenario) -> None:
    learner = LearnerClient(scenario.learners[0], scenario)
    await learner.join()
    async with shared_browser() as opened:
        own = await session_page(stack, scenario, opened, learner.learner)
        photo = own.page.get_by_label("Photo of your identity document")
        await expect(photo).to_be_visible()

        administrator = await Visitor.open(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.goto("/people")
        await page.get_by_label("Find by name or e-mail address").fill(learner.learner.email)
        await page.get_by_text(f"Change {learner.learner.name}").click()
        form = page.get_by_role("form", name=f"Accommodations of {learner.learner.name}")
        await form.get_by_label("Check the identity without photos").check()
        await form.get_by_role("button", name="Save accommodations").click()
        await expect(page.get_by_text("1 revision", exact=True)).to_be_visible()
        await expect(form.get_by_label("Check the identity without photos")).to_be_checked()
        await administrator.screenshot("accommodations-without-photos")

        await expect(
            own.page.get_by_text("Your identity is checked without photos")
        ).to_be_visible()
        await expect(photo).to_have_count(0)
        await own.screenshot("session-without-photos")

        staff = await supervising(stack, scenario, own)
        panel = await open_learner(staff.page, learner.learner.name)
        await expect(panel).to_contain_text("Waiting for a decision")
        await panel.get_by_role("button", name="Check identity").click()
        dialog = staff.page.get_by_role("dialog", name=f"Identity of {learner.learner.name}")
        await expect(dialog.get_by_role("heading", name="Check without photos")).to_be_visible()
        await expect(dialog.get_by_text("Legal name")).to_be_visible()
        await expect(dialog.get_by_role("img")).to_have_count(0)
        await expect(dialog.get_by_role("button", name="Request new photos")).to_have_count(0)
        verify = dialog.get_by_role("button", name="Verify")
        await expect(verify).to_be_disabled()
        await dialog.get_by_label("How you checked").fill(_REASON)
        await staff.screenshot("identity-without-photos")
        await verify.click()
        await expect(panel).to_contain_text("Verified")
        await expect(own.page.get_by_text("Identity verified", exact=True)).to_be_visible()
        assert own.errors == administrator.errors == staff.errors == []
    await learner.close()


async def attempt_of(learner: LearnerClient) -> Attempt | None:
    request = ListAttemptsRequest(session_id=learner.scenario.session_id)
    found = (await learner.learner.attempts.ListAttempts(request)).attempts
    return found[0] if found else None


def limit_of(attempt: Attempt) -> timedelta:
    return attempt.time_limit.ToTimedelta()
