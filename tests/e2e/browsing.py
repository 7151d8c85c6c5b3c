"""Drive a headless Chromium with Playwright, and collect the errors of pages so that tests can check them."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    ViewportSize,
    async_playwright,
)

# The headless shell comes first: opening a page in it takes a tenth of the CPU time of the whole browser.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
# The sandbox is off, because tests run as root in containers. Most other flags prevent requests to other hosts.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


def chromium() -> Path:
    """Return the path of the browser.

    If no browser is installed, skip the test, or fail the test if PROCTORIUM_REQUIRE_BROWSER is set.
    """
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("PROCTORIUM_REQUIRE_BROWSER"):
            pytest.fail("No Chromium on PATH, and PROCTORIUM_REQUIRE_BROWSER is set.")
        pytest.skip("No Chromium on PATH: install the package chromium to run the browser tests.")
    return Path(found)


GALLERY_VARIABLE = "PROCTORIUM_GALLERY"
"""The environment variable with the folder of the gallery. Without it, there is one screenshot of each state."""
GALLERY_WIDTHS = (1440, 1280, 768, 390)
GALLERY_THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

_TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_TOP = "() => window.scrollTo(0, 0)"
_SCREEN: ViewportSize = {"width": 1280, "height": 800}
# Returns up to three elements that extend beyond the right edge of the page when the font size is `letters` per cent.
_TOO_WIDE = """(letters) => {
  const root = document.documentElement;
  root.style.fontSize = `${letters}%`;
  const shown = [...document.querySelectorAll("main *, header *, footer *")].filter((element) => {
const box = element.getBoundingClientRect();
    return box.width > 0 && box.right > root.clientWidth + 1 && !element.closest(".visually-hidden");
  });
  const outside = root.scrollWidth > root.clientWidth ? shown.map((element) => element.outerHTML.slice(0, 120)) : [];
  root.style.fontSize = "";
  return outside.slice(0, 3);
}"""


@asynccontextmanager
async def browser(*flags: str) -> AsyncIterator[Browser]:
    """Start a headless browser with additional command-line `flags`."""
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=chromium(), args=[*_FLAGS, *flags]
        )
        try:
            yield opened
        finally:
            await opened.close()


class SharedBrowser:
    """The browser that all tests of a worker share. The first test that needs it starts it."""

    def __init__(self) -> None:
        self._running = AsyncExitStack()
        self._browser: Browser | None = None

    async def started(self) -> Browser:
        """Return the browser. Start it if it does not run."""
        if self._browser is None or not self._browser.is_connected():
            await self.close()
            self._browser = await self._running.enter_async_context(browser())
        return self._browser

    async def close(self) -> None:
        """Close the browser if it runs."""
        await self._running.aclose()
        self._browser = None


_SHARED = SharedBrowser()


@asynccontextmanager
async def shared_browser() -> AsyncIterator[Browser]:
    """Yield the browser that the tests share, and close all windows that are opened in the block.

    Each window has its own storage, cache and connections. Starting a browser for each test would take half a second of
    processor time.
    """
    opened = await _SHARED.started()
    earlier = opened.contexts
    try:
        yield opened
    finally:
        for context in opened.contexts:
            if context not in earlier:
                await context.close()


async def close_shared_browser() -> None:
    """Close the browser that the tests share."""
    await _SHARED.close()


@asynccontextmanager
async def browser_with_profile(folder: Path, url: str) -> AsyncIterator[Visitor]:
    """Open a browser that stores its profile in `folder`, so that another browser can use the profile later."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder,
            executable_path=chromium(),
            args=_FLAGS,
            base_url=url,
            viewport=_SCREEN,
        )
        try:
            yield Visitor(await context.new_page())
        finally:
            await context.close()


class Visitor:
    """The browser window of one person: the current page, and the errors of all pages in the window."""

    def __init__(self, page: Page) -> None:
        self.errors: list[str] = []
        self._attach(page)

    def _attach(self, page: Page) -> None:
        self.page = page
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    @classmethod
    async def open(
        cls,
        opened: Browser,
        url: str,
        *,
        zone: str | None = None,
        language: str | None = None,
        service_worker: bool = False,
    ) -> Visitor:
        """Open a window with empty storage; `zone` and `language` are the time zone and the language of the browser.

        Service workers are blocked by default, because tests cannot intercept the requests of a service worker.
        """
        context = await opened.new_context(
            base_url=url,
            accept_downloads=True,
            viewport=_SCREEN,
            timezone_id=zone,
            locale=language,
            service_workers="allow" if service_worker else "block",
        )
        visitor = cls(await context.new_page())
        await visitor.page.goto("/")
        return visitor

    async def reopen(self, address: str) -> None:
        """Go online and open a page in a new tab. The tab shares the stored data of the window."""
        context = self.page.context
        await context.set_offline(False)
        self._attach(await context.new_page())
        await self.page.goto(address)

    def _on_console(self, message: ConsoleMessage) -> None:
        # Ignore "Failed to load resource", because the browser logs this message for every refused call.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    async def sign_in(self, email: str, password: str, *, stay_signed_in: bool = False) -> None:
        """Sign in with the form on the page."""
        await self.page.get_by_label("E-mail address").fill(email)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_label("Stay signed in on this computer").set_checked(stay_signed_in)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.sign_out_button.wait_for()

    @property
    def sign_out_button(self) -> Locator:
        """The sign-out button in the banner, not the second sign-out button that some pages have."""
        return self.page.get_by_role("banner").get_by_role("button", name="Sign out", exact=True)

    async def screenshot(self, name: str) -> None:
        """Save a screenshot in build/screenshots; check that the page fits a small screen and large fonts (`W7`).

        During `make gallery`, also save screenshots of all sizes and themes of the gallery.
        """
        folder = Path("build/screenshots")
        folder.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=folder / f"{name}.png", full_page=True)
        if gallery := os.environ.get(GALLERY_VARIABLE):
            await self._save_all(Path(gallery) / name)
        for width, letters in ((320, 100), (640, 200)):
            await self.page.set_viewport_size({"width": width, "height": 800})
            assert await self.page.evaluate(_TOO_WIDE, letters) == [], f"{name} at {width} px"
        await self.page.set_viewport_size(_SCREEN)

    async def _save_all(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for theme in GALLERY_THEMES:
            await self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            for width in GALLERY_WIDTHS:
                await self.page.set_viewport_size({"width": width, "height": 900})
                # Scroll to the top. Otherwise the screenshot of the whole page shows the sticky header in the middle of
                # the page. Then wait for two frames, in which the page renders the tables in the new size.
                await self.page.evaluate(_TOP)
                await self.page.evaluate(_TWO_FRAMES)
                path = folder / f"{theme}-{width}.png"
                await self.page.screenshot(path=path, full_page=True)
        await self.page.emulate_media(color_scheme="light", reduced_motion="no-preference")
        await self.page.set_viewport_size(_SCREEN)
