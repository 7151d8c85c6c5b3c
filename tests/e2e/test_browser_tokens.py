"""Test that an open page renews its access token before the token expires."""

from __future__ import annotations

from datetime import timedelta

from playwright.async_api import Page, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario
from e2e.tokens import nearly_expired, sign_token
from proctorium_devstack.stack import Stack

_LOST = """() => {
  window.lost = [];
  new MutationObserver(() => {
    const text = document.body.textContent;
    if (text.includes("Connection lost") || text.includes("Sign in")) window.lost.push(text);
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


async def test_lobby_renews_its_token_without_interruption(
    stack: Stack, scenario: Scenario
) -> None:
    learner = scenario.learners[0]
    client = LearnerClient(learner, scenario)
    await client.join()
    await client.close()
    async with shared_browser() as opened:
        visitor = await Visitor.open(opened, stack.url("edge"))
        await visitor.sign_in(learner.email, learner.password)
        page = visitor.page
        await page.goto("/courses")
        ago = nearly_expired(left=timedelta(seconds=6))
        await _set_token(page, await sign_token(stack, learner.person_id, ["learner"], ago))
        async with page.expect_response(_renews, timeout=20_000):
            await page.goto(f"/sessions/{scenario.session_id}")
            await expect(page.get_by_text("Waiting", exact=True)).to_be_visible()
            await page.evaluate(_LOST)
        await ProctorClient(scenario).start()
        await expect(page.get_by_text("In Session", exact=True)).to_be_visible()
        assert await page.evaluate("window.lost") == []
        assert visitor.errors == []


def _renews(response: object) -> bool:
    return "AccountService/RefreshToken" in str(getattr(response, "url", ""))


async def _set_token(page: Page, token: str) -> None:
    """Replace the access token of the browser.

    The new cookie has no expiry time. Therefore the browser sends the token even after the token has expired, as a
    browser with a slow clock does.
    """
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
