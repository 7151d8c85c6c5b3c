"""A page that somebody leaves open outlives the token that it was opened with."""

from __future__ import annotations

from datetime import timedelta

from playwright.async_api import Page, expect

from e2e.browsing import Visitor, browser
from e2e.stage import Stage
from e2e.story import LearnerStory, ProctorStory
from e2e.tokens import almost_over, signed
from proctorium_devstack.stack import Stack

_LOST = """() => {
  window.lost = [];
  new MutationObserver(() => {
    const text = document.body.textContent;
    if (text.includes("Connection lost") || text.includes("Sign in")) window.lost.push(text);
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


async def test_a_lobby_renews_its_sign_in_unseen(stack: Stack, stage: Stage) -> None:
    learner = stage.learners[0]
    story = LearnerStory(learner, stage)
    await story.join()
    await story.close()
    async with browser() as opened:
        visitor = await Visitor.arrive(opened, stack.url("edge"))
        await visitor.sign_in(learner.email, learner.password)
        page = visitor.page
        await page.goto("/courses")
        ago = almost_over(left=timedelta(seconds=6))
        await _keep_token(page, await signed(stack, learner.person_id, ["learner"], ago))
        async with page.expect_response(_renews, timeout=20_000):
            await page.goto(f"/sessions/{stage.session_id}")
            await expect(page.get_by_text("Waiting", exact=True)).to_be_visible()
            await page.evaluate(_LOST)
        await ProctorStory(stage).start()
        await expect(page.get_by_text("In Session", exact=True)).to_be_visible()
        assert await page.evaluate("window.lost") == []
        assert visitor.complaints == []


def _renews(response: object) -> bool:
    return "AccountService/RefreshToken" in str(getattr(response, "url", ""))


async def _keep_token(page: Page, token: str) -> None:
    """Store a token in place of the browser's; it is sent even when expired, as by a browser whose clock is slow."""
    await page.context.add_cookies(
        [
            {
                "name": "proctorium_token",
                "value": token,
                "url": page.url,
                "httpOnly": True,
                "sameSite": "Strict",
            }
        ]
    )
