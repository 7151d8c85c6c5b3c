"""Pages confirm what cannot be undone, and show and offer what is true now."""

from __future__ import annotations

from playwright.async_api import expect

from e2e.browsing import Visitor, browser
from e2e.stage import Stage
from e2e.story import LearnerStory, ProctorStory
from proctorium.session.v1.lobby_pb2 import JoinSessionRequest
from proctorium_common.ids import new_id
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
        await expect(card.get_by_role("button", name="Grant this role", exact=True)).to_be_visible()
        await card.get_by_label("Additional role").select_option("Administrator")
        await card.get_by_role("button", name="Grant this role…").click()
        await expect(card.get_by_role("button", name="Do not grant it")).to_be_focused()
        await visitor.picture("make-administrator")
        await page.keyboard.press("Enter")
        await expect(card.get_by_role("button", name="Grant this role…")).to_be_focused()
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
        await page.get_by_role("button", name="Start the session (0 waiting)…").click()
        question = page.get_by_role("group", name="Start the session")
        await expect(question).to_contain_text("Nobody waits in the lobby. 2 of 2 are not here: ")
        await expect(question).to_contain_text("Late entry is open: learners can still join for")
        await proctor.picture("start-for-nobody")
        await page.get_by_role("button", name="Do not start yet").click()

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
        await expect(dialog.get_by_text("cannot be undone")).to_be_visible()
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


async def test_whom_to_ask_is_said_once(stack: Stack, stage: Stage) -> None:
    async with browser() as opened:
        visitor = await Visitor.arrive(opened, stack.url("edge"))
        page = visitor.page
        shown = page.get_by_text("Help:").locator("visible=true")
        await expect(shown).to_have_count(1)
        await page.get_by_label("E-mail address").fill(stage.learners[0].email)
        await page.get_by_label("Password").fill("wrong")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert").get_by_text("Help:")).to_be_visible()
        await expect(shown).to_have_count(1)
        await visitor.picture("sign-in-refused")
        assert visitor.complaints == []


async def test_a_lesson_opens_only_in_its_session(stack: Stack, stage: Stage) -> None:
    story = LearnerStory(stage.learners[0], stage)
    await story.join()
    async with browser() as opened:
        learner = await Visitor.arrive(opened, stack.url("edge"))
        page = learner.page
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        await page.goto(f"/courses/{stage.course_id}")
        await expect(page.get_by_role("heading", name="Before you begin")).to_be_visible()
        await expect(page.get_by_role("button", name="Open")).to_have_count(0)
        await learner.picture("course-closed")
        await ProctorStory(stage).start()
        await story.be_in_session()
        await story.open_lesson_eventually()
        await page.reload()
        await (
            page.get_by_role("paragraph")
            .filter(has_text="In progress now")
            .get_by_role("link")
            .click()
        )
        await page.get_by_role("button", name="Open").click()
        await expect(page.get_by_text("Put on goggles")).to_be_visible()
        assert learner.complaints == []
    await story.close()


async def test_what_was_authorised_is_said_while_it_is_so(stack: Stack, stage: Stage) -> None:
    story, proctor = LearnerStory(stage.learners[0], stage), ProctorStory(stage)
    await story.join()
    await proctor.verify(await story.send_evidence())
    await proctor.start()
    async with browser() as opened:
        visitor = await Visitor.arrive(opened, stack.url("edge"))
        page = visitor.page
        await visitor.sign_in(stage.proctor.email, stage.proctor.password)
        now = page.get_by_role("region", name="Now")
        await now.locator(f"a[href='/supervise/{stage.session_id}']").click()
        button = page.get_by_role("button", name="Authorise the assessment for all")
        await expect(page.get_by_text("To authorise")).to_be_visible()
        await expect(button).not_to_have_class("plain")
        await button.click()
        said = page.get_by_text("1 learner can start the assessment.")
        await expect(said).to_be_visible()
        await expect(button).to_have_class("plain")
        await visitor.picture("authorised")
        await story.begin()
        await expect(page.get_by_text("0 of 4 answers saved")).to_be_visible()
        nobody = page.get_by_text("Nobody is waiting for the assessment.")
        await expect(said.or_(nobody)).to_have_count(0)
        await button.click()
        await expect(nobody).to_be_visible()
        await visitor.picture("nobody-to-authorise")
        await stage.learners[1].lobby.JoinSession(
            JoinSessionRequest(request_id=str(new_id()), code=stage.code)
        )
        await expect(page.get_by_text(stage.learners[1].name).first).to_be_visible()
        await button.click()
        left_out = "No further learner can start the assessment. 1 learner left out: identity not verified."
        await expect(page.get_by_text(left_out)).to_be_visible()
        assert visitor.complaints == []
    await story.close()
