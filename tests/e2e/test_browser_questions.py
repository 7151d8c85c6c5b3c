"""What cannot be taken back is asked for twice, and what a page says is about the last thing that was done."""

from __future__ import annotations

from playwright.async_api import expect

from e2e.browsing import Visitor, browser
from e2e.stage import Stage
from e2e.story import LearnerStory
from proctorium_devstack.stack import Stack


async def test_an_administrator_is_made_on_a_second_word(stack: Stack, stage: Stage) -> None:
    async with browser() as opened:
        visitor = await Visitor.arrive(opened, stack.url("edge"))
        await visitor.sign_in(stage.administrator.email, stage.administrator.password)
        page = visitor.page
        await page.goto("/people")
        await page.get_by_label("Find by name").fill(stage.learners[0].email)
        card = page.get_by_role("listitem")
        await expect(card).to_have_count(1)
        await card.get_by_text("Change").click()
        await expect(card.get_by_role("button", name="Give this role", exact=True)).to_be_visible()
        await card.get_by_label("Further role").select_option("Administrator")
        await card.get_by_role("button", name="Give this role…").click()
        await expect(card.get_by_role("button", name="Do not")).to_be_focused()
        await visitor.picture("make-administrator")
        await page.keyboard.press("Enter")
        await expect(card.get_by_role("button", name="Give this role…")).to_be_focused()
        await expect(
            card.get_by_text("Administrator", exact=True).locator("visible=true")
        ).to_have_count(0)
        await page.keyboard.press("Enter")
        await card.get_by_role("button", name="Make an administrator").click()
        await expect(card.locator(".badge").get_by_text("Administrator")).to_be_visible()
        assert visitor.complaints == []


async def test_a_new_refusal_takes_the_old_success_away(stack: Stack, stage: Stage) -> None:
    run = stage.session_id[-8:]
    async with browser() as opened:
        visitor = await Visitor.arrive(opened, stack.url("edge"))
        await visitor.sign_in(stage.administrator.email, stage.administrator.password)
        page = visitor.page
        await page.goto("/people")
        await page.get_by_text("Add a person").click()
        name = page.get_by_label("Legal name")
        email = page.get_by_label("E-mail address", exact=True)
        added = page.get_by_text(f"Nina {run} was added.")
        for twice in range(2):
            await name.fill(f"Nina {run}")
            await email.fill(f"nina.{run}@example.org")
            await page.get_by_role("button", name="Add", exact=True).click()
            await expect(page.get_by_role("alert")).to_have_count(twice)
            await expect(added).to_have_count(1 - twice)
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
        await visitor.picture("add-administrator")
        await page.get_by_role("button", name="Make an administrator").click()
        await expect(page.get_by_text(f"Ada {run} was added.")).to_be_visible()
        await expect(page.get_by_role("button", name="Add", exact=True)).to_be_visible()
        assert visitor.complaints == []


async def test_a_rejected_learner_reads_what_to_do(stack: Stack, stage: Stage) -> None:
    async with browser() as opened:
        proctor = await Visitor.arrive(opened, stack.url("edge"))
        await proctor.sign_in(stage.proctor.email, stage.proctor.password)
        page = proctor.page
        await page.goto(f"/supervise/{stage.session_id}")
        await page.get_by_role("button", name="Start the session…").click()
        await expect(
            page.get_by_text("Nobody waits in the lobby. Learners could still")
        ).to_be_visible()
        await proctor.picture("start-for-nobody")
        await page.get_by_role("button", name="Wait for learners").click()

        story = LearnerStory(stage.learners[0], stage)
        await story.join()
        await story.send_evidence()
        await expect(
            page.get_by_role("button", name="Start the session (1 waiting)")
        ).to_be_visible()
        await page.get_by_role("button", name="Check identity of").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("button", name="Reject…")).to_be_disabled()
        await dialog.get_by_label("Reason").fill("The document is another person's.")
        await dialog.get_by_role("button", name="Reject…").click()
        await expect(dialog.get_by_text("cannot be taken back")).to_be_visible()
        await proctor.picture("reject")
        await dialog.get_by_role("button", name="Reject now").click()
        await expect(page.get_by_role("table").get_by_text("Rejected")).to_be_visible()

        learner = await Visitor.arrive(opened, stack.url("edge"))
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        await learner.page.goto(f"/sessions/{stage.session_id}")
        await expect(learner.page.get_by_text("The document is another person's.")).to_be_visible()
        await expect(
            learner.page.get_by_text("They can plan another session for you")
        ).to_be_visible()
        await learner.picture("rejected")
        assert learner.complaints == []
        assert proctor.complaints == []
