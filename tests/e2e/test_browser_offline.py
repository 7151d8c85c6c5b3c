"""Test an attempt while the browser is offline: the page can be reloaded, and new answers are sent later."""

from __future__ import annotations

from playwright.async_api import Page, expect

from e2e.browsing import shared_browser
from e2e.proxy import Proxy
from e2e.scenario import Scenario
from e2e.test_browser_answers import saved_attempt, saved_numbers
from e2e.test_browser_connections import exam_page, exam_started, time_left
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack

_STORED = """async () => {
  const stored = {};
  for (const name of await caches.keys()) {
    stored[name.split(" ")[0]] = (await (await caches.open(name)).keys()).length;
  }
  return stored;
}"""
_CONTROLLED = "navigator.serviceWorker.controller !== null"


async def test_exam_continues_after_an_offline_reload(stack: Stack, scenario: Scenario) -> None:
    async with (
        shared_browser() as opened,
        exam_started(scenario) as (client, _),
        Proxy.to(stack.address("edge")) as proxy,
    ):
        learner = await exam_page(opened, proxy.url, client, service_worker=True)
        page, field = learner.page, learner.page.get_by_label("Your answer")
        await wait_until_stored(page)
        size = await stored_size(page)
        await field.fill("0.1")
        await expect(page.get_by_text("All answers saved")).to_be_visible()

        async def stored() -> bool | None:
            return await stored_size(page) > size or None

        await eventually(stored, "the saved answer to be stored")
        before = await time_left(page)
        await proxy.disconnect()
        await page.reload()
        await expect(field).to_have_value("0.1")
        await field.fill("0.7")
        await page.get_by_label("True").check()
        await expect(page.get_by_text("Stored on this device, not sent yet")).to_have_count(2)
        assert before - 60 < await time_left(page) <= before
        await learner.screenshot("exam-offline-reload")
        await page.reload()
        await expect(field).to_have_value("0.7")
        await expect(page.get_by_label("True")).to_be_checked()

        proxy.restore()
        await expect(page.get_by_text("All answers saved")).to_be_visible(timeout=20_000)
        assert await saved_numbers(client) == [0.7]
        assert len((await saved_attempt(client)).answers) == 2

        await learner.sign_out_button.click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert await page.evaluate(_STORED) == {}
        assert learner.errors == []


async def test_server_pages_are_preferred_while_online(stack: Stack, scenario: Scenario) -> None:
    async with shared_browser() as opened, exam_started(scenario) as (client, _):
        learner = await exam_page(opened, stack.url("edge"), client, service_worker=True)
        page = learner.page
        await wait_until_stored(page)
        # Replace the stored shell of the page with an old version.
        await page.evaluate(
            """async () => {
              for (const name of await caches.keys()) {
                if (!name.startsWith("shell")) continue;
                await (await caches.open(name)).put("/", new Response("<h1>An old shell</h1>"));
              }
            }"""
        )
        await page.reload()
        await expect(page.get_by_label("Your answer")).to_be_visible()
        await expect(page.get_by_text("An old shell")).to_have_count(0)
        assert learner.errors == []


async def wait_until_stored(page: Page) -> None:
    """Wait until the browser has stored the page shell and the attempt, and the service worker controls the page."""

    async def stored() -> bool | None:
        found = await page.evaluate(_STORED)
        return (found.get("attempt") == 3 and await page.evaluate(_CONTROLLED)) or None

    await eventually(stored, "the attempt and the shell to be stored")
    # The browser has stored the HTML document and all assets that the service worker names.
    worker = await (await page.request.get("/sw.js")).text()
    assert (await page.evaluate(_STORED))["shell"] == 1 + worker.count('"/assets/')


async def stored_size(page: Page) -> int:
    return int(
        await page.evaluate(
            "async () => (await (await caches.match('/stored/attempt')).arrayBuffer()).byteLength"
        )
    )
