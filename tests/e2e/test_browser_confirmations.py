"""Test that irreversible actions must be confirmed, and that pages are current and offer only possible actions."""

from __future__ import annotations

from playwright.async_api import expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.console import open_learner
from e2e.scenario import Scenario
from proctorium.session.v1.lobby_pb2 import JoinSessionRequest
from proctorium_common.ids import new_id
from proctorium_devstack.stack import Stack


async def test_granting_the_administrator_role_requires_confirmation(
    stack: Stack, scenario: Scenario
) -> None:
    async with shared_browser() as opened:
        visitor = await Visitor.open(opened, stack.url("edge"))
        await visitor.sign_in(scenario.administrator.email, scenario.administrator.password)
        page = visitor.page
        await page.goto("/people")
        await page.get_by_label("Find by name").fill(scenario.learners[0].email)
        card = page.get_by_role("listitem")
        await expect(card).to_have_count(1)
        await card.get_by_text("Change").click()
        await expect(card.get_by_role("button", name="Grant this role", exact=True)).to_be_visible()
        await card.get_by_label("Additional role").select_option("Administrator")
        await card.get_by_role("button", name="Grant this role…").click()
        await expect(card.get_by_role("button", name="Do not grant it")).to_be_focused()
        await visitor.screenshot("make-administrator")
        await page.keyboard.press("Enter")
        await expect(card.get_by_role("button", name="Grant this role…")).to_be_focused()
        await expect(
            card.get_by_text("Administrator", exact=True).locator("visible=true")
        ).to_have_count(0)
        await page.keyboard.press("Enter")
        await card.get_by_role("button", name="Make an administrator").click()
        await expect(card.locator(".badge").get_by_text("Administrator")).to_be_visible()
        assert visitor.errors == []


async def test_refusal_replaces_the_earlier_success_message(
    stack: Stack, scenario: Scenario
) -> None:
    run = scenario.session_id[-8:]
    async with shared_browser() as opened:
        visitor = await Visitor.open(opened, stack.url("edge"))
        await visitor.sign_in(scenario.administrator.email, scenario.administrator.password)
        page = visitor.page
        await page.goto("/people")
        await page.get_by_text("Add a person").click()
        name = page.get_by_label("Legal name")
        email = page.get_by_label("E-mail address", exact=True)
        added = page.get_by_text(f"Nina {run} was added.")
        for repetition in range(2):
            await name.fill(f"Nina {run}")
            await email.fill(f"nina.{run}@example.org")
            await page.get_by_role("button", name="Add", exact=True).click()
            await expect(page.get_by_role("alert")).to_have_count(repetition)
            await expect(added).to_have_count(1 - repetition)
        await email.fill(f"nina2.{run}@example.org")
        await page.get_by_role("button", name="Add", exact=True).click()
        await expect(added).to_be_visible()
        await expect(page.get_by_role("alert")).to_have_count(0)
        weight = await email.evaluate("(field) => getComputedStyle(field).fontWeight")
        assert weight == "400"
        await email.fill(f"admin.{run}@example.org")
        await name.fill(f"Ada {run}")
        await page.get_by_label("Administrator", exact=True).check()
        await page.get_by_role("button", name="Add…", exact=True).click()
        await visitor.screenshot("add-administrator")
        await page.get_by_role("button", name="Make an administrator").click()
        await expect(page.get_by_text(f"Ada {run} was added.")).to_be_visible()
        await expect(page.get_by_role("button", name="Add", exact=True)).to_be_visible()
        assert visitor.errors == []


async def test_rejected_learner_sees_the_reason_and_the_next_step(
    stack: Stack, scenario: Scenario
) -> None:
    async with shared_browser() as opened:
        proctor = await Visitor.open(opened, stack.url("edge"))
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
        page = proctor.page
        await page.goto(f"/supervise/{scenario.session_id}")
        await page.get_by_role("button", name="Start the session (0 waiting)…").click()
        question = page.get_by_role("group", name="Start the session")
        await expect(question).to_contain_text(
            "Nobody is waiting in the lobby. 2 of 2 are not here: "
        )
        await expect(question).to_contain_text("Late entry is open: learners can still join for")
        await proctor.screenshot("start-for-nobody")
        await page.get_by_role("button", name="Do not start yet").click()

        client = LearnerClient(scenario.learners[0], scenario)
        await client.join()
        await client.send_evidence()
        await expect(
            page.get_by_role("button", name="Start the session (1 waiting)")
        ).to_be_visible()
        panel = await open_learner(page, scenario.learners[0].name)
        await panel.get_by_role("button", name="Check identity of").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("button", name="Reject…")).to_be_disabled()
        await dialog.get_by_label("Reason").fill("The document is another person's.")
        await dialog.get_by_role("button", name="Reject…").click()
        await expect(dialog.get_by_text("cannot be undone")).to_be_visible()
        await proctor.screenshot("reject")
        await dialog.get_by_role("button", name="Reject now").click()
        await expect(panel.get_by_text("Rejected")).to_be_visible()

        learner = await Visitor.open(opened, stack.url("edge"))
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await learner.page.goto(f"/sessions/{scenario.session_id}")
        await expect(learner.page.get_by_text("The document is another person's.")).to_be_visible()
        await expect(
            learner.page.get_by_text("They can plan another session for you")
        ).to_be_visible()
        await learner.screenshot("rejected")
        assert learner.errors == []
        assert proctor.errors == []


async def test_support_contact_is_shown_once(stack: Stack, scenario: Scenario) -> None:
    async with shared_browser() as opened:
        visitor = await Visitor.open(opened, stack.url("edge"))
        page = visitor.page
        shown = page.get_by_text("Help:").locator("visible=true")
        await expect(shown).to_have_count(1)
        await page.get_by_label("E-mail address").fill(scenario.learners[0].email)
        await page.get_by_label("Password").fill("wrong")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert").get_by_text("Help:")).to_be_visible()
        await expect(shown).to_have_count(1)
        await visitor.screenshot("sign-in-refused")
        assert visitor.errors == []


async def test_lesson_is_available_only_during_its_session(
    stack: Stack, scenario: Scenario
) -> None:
    client = LearnerClient(scenario.learners[0], scenario)
    await client.join()
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        page = learner.page
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await page.goto(f"/courses/{scenario.course_id}")
        await expect(page.get_by_role("heading", name="Before you begin")).to_be_visible()
        await expect(page.get_by_role("button", name="Open")).to_have_count(0)
        await learner.screenshot("course-closed")
        await ProctorClient(scenario).start()
        await client.be_in_session()
        await client.open_lesson_eventually()
        await page.reload()
        await (
            page.get_by_role("paragraph")
            .filter(has_text="In progress now")
            .get_by_role("link")
            .click()
        )
        await page.get_by_role("button", name="Open").click()
        await expect(page.get_by_text("Put on goggles")).to_be_visible()
        assert learner.errors == []
    await client.close()


async def test_authorisation_message_disappears_when_it_no_longer_applies(
    stack: Stack, scenario: Scenario
) -> None:
    client, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await client.join()
    await proctor.verify(await client.send_evidence())
    await proctor.start()
    async with shared_browser() as opened:
        visitor = await Visitor.open(opened, stack.url("edge"))
        page = visitor.page
        await visitor.sign_in(scenario.proctor.email, scenario.proctor.password)
        now = page.get_by_role("region", name="Now")
        await now.locator(f"a[href='/supervise/{scenario.session_id}']").click()
        button = page.get_by_role("button", name="Authorise the assessment for all")
        await expect(page.get_by_text("To authorise")).to_be_visible()
        await expect(button).not_to_have_class("plain")
        await button.click()
        message = page.get_by_text("1 learner can start the assessment.")
        await expect(message).to_be_visible()
        await expect(button).to_have_class("plain")
        await visitor.screenshot("authorised")
        await client.start()
        await expect(page.get_by_text("0 of 4 answers saved")).to_be_visible()
        nobody = page.get_by_text("Nobody is waiting for the assessment.")
        await expect(message.or_(nobody)).to_have_count(0)
        await button.click()
        await expect(nobody).to_be_visible()
        await visitor.screenshot("nobody-to-authorise")
        await scenario.learners[1].lobby.JoinSession(
            JoinSessionRequest(request_id=str(new_id()), code=scenario.code)
        )
        await expect(page.get_by_text(scenario.learners[1].name).first).to_be_visible()
        await button.click()
        left_out = "No further learner can start the assessment. 1 learner left out: identity not verified."
        await expect(page.get_by_text(left_out)).to_be_visible()
        assert visitor.errors == []
    await client.close()
