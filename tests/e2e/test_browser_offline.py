"""A running attempt without a connection: a reload shows it again, and new answers are sent later."""

from __future__ import annotations

from playwright.async_api import Page, expect

from e2e.browsing import browser
from e2e.cable import Cable
from e2e.stage import Stage
from e2e.test_browser_answers import saved_attempt, saved_numbers
from e2e.test_browser_live import exam_page, exam_started, time_left
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


async def test_an_exam_goes_on_after_a_reload_without_a_connection(
    stack: Stack, stage: Stage
) -> None:
    async with (
        browser() as opened,
        exam_started(stage) as (story, _),
        Cable.to(stack.address("edge")) as cable,
    ):
        learner = await exam_page(opened, cable.url, story, service_worker=True)
        page, field = learner.page, learner.page.get_by_label("Your answer")
        await stored_whole(page)
        size = await stored_size(page)
        await field.fill("0.1")
        await expect(page.get_by_text("All answers saved")).to_be_visible()

        async def stored() -> bool | None:
            return await stored_size(page) > size or None

        await eventually(stored, "the saved answer to be stored too")
        before = await time_left(page)
        await cable.pull()
        await page.reload()
        await expect(field).to_have_value("0.1")
        await field.fill("0.7")
        await page.get_by_label("True").check()
        await expect(page.get_by_text("Stored on this device, not sent yet")).to_have_count(2)
        assert before - 60 < await time_left(page) <= before
        await learner.picture("exam-offline-reload")
        await page.reload()
        await expect(field).to_have_value("0.7")
        await expect(page.get_by_label("True")).to_be_checked()

        cable.mend()
        await expect(page.get_by_text("All answers saved")).to_be_visible(timeout=20_000)
        assert await saved_numbers(story) == [0.7]
        assert len((await saved_attempt(story)).answers) == 2

        await learner.sign_out_button.click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert await page.evaluate(_STORED) == {}
        assert learner.complaints == []


async def test_the_server_s_pages_come_first_while_it_can_be_reached(
    stack: Stack, stage: Stage
) -> None:
    async with browser() as opened, exam_started(stage) as (story, _):
        learner = await exam_page(opened, stack.url("edge"), story, service_worker=True)
        page = learner.page
        await stored_whole(page)
        # What is stored is made to look like an old shell.
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
        assert learner.complaints == []


async def stored_whole(page: Page) -> None:
    """Waits until the shell and the attempt are stored and the service worker is at work."""

    async def stored() -> bool | None:
        found = await page.evaluate(_STORED)
        return (found.get("attempt") == 3 and await page.evaluate(_CONTROLLED)) or None

    await eventually(stored, "the attempt and the shell to be stored")
    assert (await page.evaluate(_STORED))["shell"] == 3


async def stored_size(page: Page) -> int:
    return int(
        await page.evaluate(
            "async () => (await (await caches.match('/stored/attempt')).arrayBuffer()).byteLength"
        )
    )
