"""Find the parts of the proctor's console on its page."""

from __future__ import annotations

from playwright.async_api import Locator, Page


def row_of(page: Page, name: str) -> Locator:
    """Return the row of a learner on the roster."""
    return page.get_by_role("row").filter(has_text=name)


def opener_of(page: Page, name: str) -> Locator:
    """Return the button in the row of a learner that opens the learner's panel."""
    return page.get_by_role("rowheader").get_by_role("button", name=name, exact=True)


def panel_of(page: Page, name: str) -> Locator:
    """Return the panel of a learner."""
    return page.get_by_role("region", name=name, exact=True)


async def open_learner(page: Page, name: str) -> Locator:
    """Open the panel of a learner, and return the panel."""
    await opener_of(page, name).click()
    panel = panel_of(page, name)
    await panel.wait_for()
    return panel
