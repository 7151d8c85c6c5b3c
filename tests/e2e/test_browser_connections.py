"""Test pages while connections break and are restored: presence, connection state, and the clock of the exam."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.proxy import Proxy
from e2e.scenario import Scenario
from proctorium.session.v1.supervision_pb2 import RemoveParticipantsRequest
from proctorium_common.ids import new_id
from proctorium_devstack.stack import Stack

# A browser has up to six connections to one address, and all of them may be dead. A stream on a dead connection fails
# after ten seconds. The page then pauses before it opens the next stream.
_DEAD_CONNECTIONS_MS = 90_000
_OVER = "Your time is over. What is on this device is sent when the connection is back"
# Counts in `window.losses` how often the page changes while it shows that the connection is lost.
_COUNT_LOSSES = """() => {
  window.losses = 0;
  const look = () => { if (document.body.textContent.includes("Connection lost")) window.losses += 1; };
  new MutationObserver(look).observe(document.body, { childList: true, characterData: true, subtree: true });
}"""
_REASON = "Looked at another screen."


async def test_learner_is_connected_while_the_exam_room_is_open(
    stack: Stack, scenario: Scenario
) -> None:
    async with shared_browser() as opened, exam_started(scenario) as (client, _):
        learner = await exam_page(opened, stack.url("edge"), client)
        proctor = await Visitor.open(opened, stack.url("edge"))
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
        await proctor.page.goto(f"/supervise/{scenario.session_id}")
        row = proctor.page.get_by_role("row").filter(has_text=scenario.learners[0].name)
        await expect(row.get_by_text("Connected", exact=True)).to_be_visible()
        calm = proctor.page.get_by_text(
            "1 learner joined, 1 is not here; nobody needs attention now."
        )
        await expect(calm).to_be_visible()
        await learner.page.close()
        await expect(row.get_by_text("Disconnected")).to_be_visible(timeout=10_000)
        needed = proctor.page.get_by_text("1 learner joined, 1 is not here; 1 needs attention.")
        await expect(needed).to_be_visible()
        assert learner.errors == []
        assert proctor.errors == []


async def test_removal_reason_is_shown_in_the_exam_room(stack: Stack, scenario: Scenario) -> None:
    async with shared_browser() as opened, exam_started(scenario) as (client, _):
        learner = await exam_page(opened, stack.url("edge"), client)
        await scenario.proctor.supervision.RemoveParticipants(
            RemoveParticipantsRequest(
                request_id=str(new_id()),
                session_id=scenario.session_id,
                participant_ids=[client.participant_id],
                removal_reason=_REASON,
            )
        )
        await expect(learner.page.get_by_role("alert")).to_contain_text(_REASON)
        heading = learner.page.get_by_role("heading", name="You were removed from this session")
        await expect(heading).to_be_visible()
        await learner.screenshot("removed-in-exam")
        assert learner.errors == []


async def test_restored_connection_is_shown_without_further_changes(
    stack: Stack, scenario: Scenario
) -> None:
    async with shared_browser() as opened, Proxy.to(stack.address("edge")) as proxy:
        proctor = await Visitor.open(opened, proxy.url)
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
        await proctor.page.goto(f"/supervise/{scenario.session_id}")
        lost = proctor.page.get_by_text("Connection lost, reconnecting…")
        await expect(proctor.page.get_by_text("0 learners joined")).to_be_visible()
        await expect(lost).to_have_count(0)
        await proxy.disconnect()
        await expect(lost).to_be_visible()
        proxy.restore()
        await expect(lost).to_have_count(0)
        assert proctor.errors == []


async def test_reopened_stream_is_not_shown_as_lost(stack: Stack, scenario: Scenario) -> None:
    async with shared_browser() as opened, Proxy.to(stack.address("edge")) as proxy:
        proctor = await Visitor.open(opened, proxy.url)
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
        page = proctor.page
        await page.goto(f"/supervise/{scenario.session_id}")
        await expect(page.get_by_text("0 learners joined")).to_be_visible()
        await page.evaluate(_COUNT_LOSSES)
        async with page.expect_response("**/WatchRoster"):
            await proxy.disconnect()
            proxy.restore()
        client = LearnerClient(scenario.learners[0], scenario)
        await client.join()
        await expect(page.get_by_text("1 learner joined")).to_be_visible()
        assert await page.evaluate("losses") == 0
        await client.close()


async def test_start_missed_on_a_stalled_connection_is_shown_after_reconnecting(
    stack: Stack, scenario: Scenario
) -> None:
    client, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await client.join()
    await client.close()
    async with shared_browser() as opened, Proxy.to(stack.address("edge")) as proxy:
        learner = await Visitor.open(opened, proxy.url)
        page = learner.page
        await page.clock.install()
        await learner.sign_in(client.learner.email, client.learner.password)
        await page.goto(f"/sessions/{scenario.session_id}")
        lost = page.get_by_text("Connection lost, reconnecting…")
        await expect(page.get_by_text("Waiting", exact=True)).to_be_visible()
        await expect(lost).to_have_count(0)
        proxy.stall()
        await proctor.start()
        await page.clock.fast_forward(30_000)
        await expect(lost).to_have_count(0)
        await page.clock.fast_forward(10_000)
        await expect(lost).to_be_visible()
        proxy.restore()
        # The browser may first open streams on other dead connections. Each of these streams fails after ten seconds.
        in_session = page.get_by_text("In Session", exact=True)
        await expect(in_session).to_be_visible(timeout=_DEAD_CONNECTIONS_MS)
        await expect(lost).to_have_count(0)
        assert learner.errors == []


@pytest.mark.parametrize("by", [timedelta(hours=3), timedelta(hours=-3)], ids=["forward", "back"])
async def test_clock_change_does_not_affect_the_remaining_time(
    stack: Stack, scenario: Scenario, by: timedelta
) -> None:
    async with shared_browser() as opened, exam_started(scenario) as (client, _):
        learner = await exam_page(opened, stack.url("edge"), client)
        page = learner.page
        await page.clock.install()
        await page.reload()
        timer = page.get_by_role("timer")
        at_first = await timer.inner_text()
        await expect(timer).not_to_have_text(at_first)
        before = await time_left(page)
        # The page opens its stream again, because a clock change looks like the wake-up of a suspended computer.
        async with page.expect_request("**/WatchAttempt"):
            await page.clock.set_system_time(datetime.now(UTC) + by)
        assert before - 30 < await time_left(page) <= before
        assert learner.errors == []


async def test_offline_page_does_not_ask_for_answers_after_the_deadline(
    stack: Stack, scenario: Scenario
) -> None:
    async with (
        shared_browser() as opened,
        exam_started(scenario) as (client, _),
        Proxy.to(stack.address("edge")) as proxy,
    ):
        learner = await exam_page(opened, proxy.url, client)
        page = learner.page
        await page.clock.install()
        await page.reload()
        await expect(page.get_by_label("Your answer")).to_be_visible()
        await proxy.disconnect()
        go_on, over = page.get_by_text("Keep answering: your"), page.get_by_text(_OVER)
        await expect(go_on).to_be_visible()
        await expect(over).to_have_count(0)
        await page.clock.fast_forward(3_600_000)
        await expect(page.get_by_role("timer")).to_have_text("00:00:00")
        await expect(over).to_be_visible()
        await expect(go_on).to_have_count(0)
        await learner.screenshot("exam-over-offline")
        proxy.restore()
        await expect(over).to_have_count(0)
        assert learner.errors == []


async def test_last_minutes_are_shown_and_announced(stack: Stack, scenario: Scenario) -> None:
    async with (
        shared_browser() as opened,
        exam_started(scenario) as (client, _),
        Proxy.to(stack.address("edge")) as proxy,
    ):
        learner = await exam_page(opened, proxy.url, client)
        page = learner.page
        await page.clock.install()
        await page.reload()
        await expect(page.get_by_label("Your answer")).to_be_visible()
        warning = page.locator(".exam-bar .badge", has_text="left.")
        spoken = page.locator(".exam-bar [role=status]")
        await expect(warning).to_have_count(0)
        # Take the page offline. If the page were online, the server would correct the clock of the page.
        await proxy.disconnect()
        for minutes, text in ((15, "15 minutes"), (5, "5 minutes"), (1, "1 minute")):
            await page.clock.fast_forward((await time_left(page) - minutes * 60 - 2) * 1000)
            await expect(spoken).to_have_text(f"{text} left.")
            await expect(warning).to_have_text(f"Less than {text} left.")
            await expect(spoken).to_have_text("")
        await learner.screenshot("exam-last-minute")
        assert learner.errors == []


async def time_left(page: Page) -> int:
    """Return the remaining time that the exam room shows, in seconds."""
    hours, minutes, seconds = map(int, (await page.get_by_role("timer").inner_text()).split(":"))
    return (hours * 60 + minutes) * 60 + seconds


@asynccontextmanager
async def exam_started(scenario: Scenario) -> AsyncIterator[tuple[LearnerClient, ProctorClient]]:
    """Yield the clients of a learner and of the proctor. The learner has started an attempt and has no open stream."""
    client, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await client.join()
    proctor.watch()
    await proctor.verify(await client.send_evidence())
    await proctor.start()
    await proctor.authorize(client)
    await client.start()
    await client.close()
    yield client, proctor
    await proctor.close()


async def exam_page(
    opened: Browser, url: str, client: LearnerClient, *, service_worker: bool = False
) -> Visitor:
    """Open the exam room of a learner in a new window."""
    learner = await Visitor.open(opened, url, service_worker=service_worker)
    await learner.sign_in(client.learner.email, client.learner.password)
    await learner.page.goto(f"/attempts/{client.attempt_id}")
    await expect(learner.page.get_by_label("Your answer")).to_be_visible()
    return learner
