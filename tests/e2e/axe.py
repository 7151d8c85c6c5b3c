"""Check the accessibility of pages with axe-core."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page

_AXE = Path("services/portal/web/node_modules/axe-core/axe.min.js")
# The rules of WCAG 2.2 AA, and the rules that axe recommends in addition.
_RUN = """async () => {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await axe.run(document, { runOnly: tags });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}"""


async def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with the page in the light and in the dark theme."""
    found: list[str] = []
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        # Unlike a script element, `evaluate` is not subject to the content security policy of the page.
        await page.evaluate(_AXE.read_text("utf-8"))
        found += [f"{theme}: {each}" for each in await page.evaluate(_RUN)]
    await page.emulate_media(color_scheme="light")
    return found
