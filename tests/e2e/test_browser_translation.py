"""Test that a page is still updated after the browser has translated it and thus replaced the page's text nodes."""

from __future__ import annotations

from playwright.async_api import Page, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario
from e2e.test_browser_answers import exam_room, saved_numbers
from proctorium_devstack.stack import Stack

# Replaces each text node by <font><font>text</font></font>, as a translation by Chrome does. Text nodes that are added
# later are also replaced.
_TRANSLATE = """() => {
  const skipped = "script, style, textarea, option, font, title";
  const translate = (node) => {
    if (node.nodeType === Node.ELEMENT_NODE) [...node.childNodes].forEach(translate);
    if (node.nodeType !== Node.TEXT_NODE || !node.data.trim()) return;
    if (!node.isConnected || node.parentElement.closest(skipped)) return;
    const outer = document.createElement("font");
    const inner = document.createElement("font");
    inner.textContent = node.data;
    outer.append(inner);
    node.replaceWith(outer);
  };
  translate(document.body);
  new MutationObserver((changes) => changes.forEach(({ addedNodes }) => addedNodes.forEach(translate)))
    .observe(document.body, { childList: true, subtree: true });
}"""


async def translate(page: Page) -> None:
    """Simulate that the browser translates the texts on the page, and all texts that are added later."""
    await page.evaluate(_TRANSLATE)
    await expect(page.locator("h1 font font")).to_have_count(1)


async def test_translated_exam_room_keeps_working(stack: Stack, scenario: Scenario) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        await translate(page)
        timer = page.get_by_role("timer")
        at_first = await timer.inner_text()
        await expect(timer).not_to_have_text(at_first)
        await page.context.set_offline(True)
        await field.fill("0.4")
        await expect(page.get_by_text("Offline: 1 answer stored on this device")).to_be_visible()
        await expect(page.get_by_text("All answers saved")).to_have_count(0)
        await page.context.set_offline(False)
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        assert await saved_numbers(client) == [0.4]
        await field.fill("x")
        await expect(page.get_by_text("1 answer cannot be saved")).to_be_visible()
        await expect(page.get_by_text("All answers saved")).to_have_count(0)
        await field.fill("0.5")
        await page.get_by_role("button", name="Submit…").click()
        await expect(page.get_by_text("3 questions are not answered.")).to_be_visible()
        await page.get_by_role("button", name="Submit now").click()
        await expect(page.get_by_text("Submitted on")).to_be_visible()
        assert learner.errors == []


async def test_translated_lobby_and_roster_keep_updating(stack: Stack, scenario: Scenario) -> None:
    lena, omar = (LearnerClient(learner, scenario) for learner in scenario.learners)
    await lena.join()
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await learner.page.goto(f"/sessions/{scenario.session_id}")
        await expect(learner.page.get_by_text("Waiting", exact=True)).to_be_visible()
        await translate(learner.page)

        proctor = await Visitor.open(opened, stack.url("edge"))
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
        await proctor.page.goto(f"/supervise/{scenario.session_id}")
        row = proctor.page.get_by_role("row").filter(has_text=scenario.learners[0].name)
        await expect(row.get_by_text("Waiting", exact=True)).to_be_visible()
        await translate(proctor.page)
        await lena.send_evidence()
        await expect(row.get_by_text("Waiting for a decision")).to_be_visible()
        await expect(proctor.page.get_by_text("Photos missing")).to_have_count(0)
        await omar.join()
        await expect(proctor.page.get_by_text(scenario.learners[1].name).first).to_be_visible()

        await ProctorClient(scenario).start()
        await expect(learner.page.get_by_text("In Session", exact=True)).to_be_visible()
        await expect(learner.page.get_by_text("Waiting", exact=True)).to_have_count(0)
        await expect(
            learner.page.get_by_role("heading", name="Assessment", level=2)
        ).to_be_visible()
        await expect(row.get_by_text("In Session", exact=True)).to_be_visible()
        await expect(row.get_by_text("Waiting", exact=True)).to_have_count(0)
        assert learner.errors == []
        assert proctor.errors == []
    for client in (lena, omar):
        await client.close()
