"""Open pages over a session's time: who has one is present, and what it shows is true while connections come and go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from e2e.browsing import Visitor, browser
from e2e.cable import Cable
from e2e.stage import Stage
from e2e.story import LearnerStory, ProctorStory
from proctorium.session.v1.supervision_pb2 import RemoveParticipantRequest
from proctorium_common.ids import new_id
from proctorium_devstack.stack import Stack

# A browser keeps six connections to one address; each of them that is dead costs the ten seconds in which a stream must
# open, and a pause.
_DEAD_CONNECTIONS_MS = 90_000
_OVER = "Your time is over. What is on this device is sent when the connection is back"
# Counts how often the page has said that its connection is lost.
_COUNT_LOSSES = """() => {
  window.losses = 0;
  const look = () => { if (document.body.textContent.includes("Connection lost")) window.losses += 1; };
  new MutationObserver(look).observe(document.body, { childList: true, characterData: true, subtree: true });
}"""
_REASON = "Looked at another screen."


async def test_a_learner_who_sits_the_exam_is_connected_until_they_close_it(
    stack: Stack, stage: Stage
) -> None:
    async with browser() as opened, exam_started(stage) as (story, _):
        learner = await exam_page(opened, stack.url("edge"), story)
        proctor = await Visitor.arrive(opened, stack.url("edge"))
        await proctor.sign_in(stage.proctor.email, stage.proctor.password)
        await proctor.page.goto(f"/supervise/{stage.session_id}")
        row = proctor.page.get_by_role("row").filter(has_text=stage.learners[0].name)
        await expect(row.get_by_text("Connected", exact=True)).to_be_visible()
        calm = proctor.page.get_by_text(
            "1 learner joined, 1 is not here; nobody needs attention now."
        )
        await expect(calm).to_be_visible()
        await learner.page.close()
        await expect(row.get_by_text("Disconnected")).to_have_count(2, timeout=10_000)
        needed = proctor.page.get_by_text("1 learner joined, 1 is not here; 1 needs attention.")
        await expect(needed).to_be_visible()
        assert learner.complaints == []
        assert proctor.complaints == []


async def test_a_learner_who_is_removed_reads_why_in_the_exam_room(
    stack: Stack, stage: Stage
) -> None:
    async with browser() as opened, exam_started(stage) as (story, _):
        learner = await exam_page(opened, stack.url("edge"), story)
        await stage.proctor.supervision.RemoveParticipant(
            RemoveParticipantRequest(
                request_id=str(new_id()),
                session_id=stage.session_id,
                participant_id=story.participant_id,
                removal_reason=_REASON,
            )
        )
        await expect(learner.page.get_by_role("alert")).to_contain_text(_REASON)
        await expect(learner.page.get_by_text("You were removed from the session")).to_be_visible()
        await learner.picture("removed-in-exam")
        assert learner.complaints == []


async def test_a_connection_that_is_back_is_not_called_lost_though_nothing_changed(
    stack: Stack, stage: Stage
) -> None:
    async with browser() as opened, Cable.to(stack.address("edge")) as cable:
        proctor = await Visitor.arrive(opened, cable.url)
        await proctor.sign_in(stage.proctor.email, stage.proctor.password)
        await proctor.page.goto(f"/supervise/{stage.session_id}")
        lost = proctor.page.get_by_text("Connection lost, reconnecting…")
        await expect(proctor.page.get_by_text("0 learners joined")).to_be_visible()
        await expect(lost).to_have_count(0)
        await cable.pull()
        await expect(lost).to_be_visible()
        cable.mend()
        await expect(lost).to_have_count(0)
        assert proctor.complaints == []


async def test_a_stream_that_is_renewed_is_not_called_lost(stack: Stack, stage: Stage) -> None:
    async with browser() as opened, Cable.to(stack.address("edge")) as cable:
        proctor = await Visitor.arrive(opened, cable.url)
        await proctor.sign_in(stage.proctor.email, stage.proctor.password)
        page = proctor.page
        await page.goto(f"/supervise/{stage.session_id}")
        await expect(page.get_by_text("0 learners joined")).to_be_visible()
        await page.evaluate(_COUNT_LOSSES)
        async with page.expect_response("**/WatchRoster"):
            await cable.pull()
            cable.mend()
        story = LearnerStory(stage.learners[0], stage)
        await story.join()
        await expect(page.get_by_text("1 learner joined")).to_be_visible()
        assert await page.evaluate("losses") == 0
        await story.close()


async def test_a_start_that_a_silent_network_swallowed_is_seen_when_the_silence_was_noticed(
    stack: Stack, stage: Stage
) -> None:
    story, proctor = LearnerStory(stage.learners[0], stage), ProctorStory(stage)
    await story.join()
    await story.close()
    async with browser() as opened, Cable.to(stack.address("edge")) as cable:
        learner = await Visitor.arrive(opened, cable.url)
        page = learner.page
        await page.clock.install()
        await learner.sign_in(story.learner.email, story.learner.password)
        await page.goto(f"/sessions/{stage.session_id}")
        lost = page.get_by_text("Connection lost, reconnecting…")
        await expect(page.get_by_text("Waiting", exact=True)).to_be_visible()
        await expect(lost).to_have_count(0)
        cable.silence()
        await proctor.start()
        await page.clock.fast_forward(30_000)
        await expect(lost).to_have_count(0)
        await page.clock.fast_forward(10_000)
        await expect(lost).to_be_visible()
        cable.mend()
        # The browser may open the stream over another connection that is dead, and notices after ten seconds.
        in_session = page.get_by_text("In Session", exact=True)
        await expect(in_session).to_be_visible(timeout=_DEAD_CONNECTIONS_MS)
        await expect(lost).to_have_count(0)
        assert learner.complaints == []


@pytest.mark.parametrize("by", [timedelta(hours=3), timedelta(hours=-3)], ids=["on", "back"])
async def test_the_time_left_is_the_same_when_the_computer_s_clock_is_corrected(
    stack: Stack, stage: Stage, by: timedelta
) -> None:
    async with browser() as opened, exam_started(stage) as (story, _):
        learner = await exam_page(opened, stack.url("edge"), story)
        page = learner.page
        await page.clock.install()
        await page.reload()
        timer = page.get_by_role("timer")
        at_first = await timer.inner_text()
        await expect(timer).not_to_have_text(at_first)
        before = await time_left(page)
        # It has stood still as long as the computer slept, for all that the page can know: so the server is asked.
        async with page.expect_request("**/WatchAttempt"):
            await page.clock.set_system_time(datetime.now(UTC) + by)
        assert before - 30 < await time_left(page) <= before
        assert learner.complaints == []


async def test_who_is_cut_off_is_not_told_to_go_on_when_the_time_is_over(
    stack: Stack, stage: Stage
) -> None:
    async with (
        browser() as opened,
        exam_started(stage) as (story, _),
        Cable.to(stack.address("edge")) as cable,
    ):
        learner = await exam_page(opened, cable.url, story)
        page = learner.page
        await page.clock.install()
        await page.reload()
        await expect(page.get_by_label("Your answer")).to_be_visible()
        await cable.pull()
        go_on, over = page.get_by_text("Keep answering: your"), page.get_by_text(_OVER)
        await expect(go_on).to_be_visible()
        await expect(over).to_have_count(0)
        await page.clock.fast_forward(3_600_000)
        await expect(page.get_by_role("timer")).to_have_text("00:00:00")
        await expect(over).to_be_visible()
        await expect(go_on).to_have_count(0)
        await learner.picture("exam-over-away")
        cable.mend()
        await expect(over).to_have_count(0)
        assert learner.complaints == []


async def test_the_last_minutes_are_shown_and_spoken_when_they_are_true(
    stack: Stack, stage: Stage
) -> None:
    async with (
        browser() as opened,
        exam_started(stage) as (story, _),
        Cable.to(stack.address("edge")) as cable,
    ):
        learner = await exam_page(opened, cable.url, story)
        page = learner.page
        await page.clock.install()
        await page.reload()
        await expect(page.get_by_label("Your answer")).to_be_visible()
        warning = page.locator(".exam-bar .badge", has_text="left.")
        spoken = page.locator(".exam-bar [role=status]")
        await expect(warning).to_have_count(0)
        # Without a connection, or the server would set the clock right.
        await cable.pull()
        for minutes, text in ((15, "15 minutes"), (5, "5 minutes"), (1, "1 minute")):
            await page.clock.fast_forward((await time_left(page) - minutes * 60 - 2) * 1000)
            await expect(spoken).to_have_text(f"{text} left.")
            await expect(warning).to_have_text(f"Less than {text} left.")
            await expect(spoken).to_have_text("")
        await learner.picture("exam-last-minute")
        assert learner.complaints == []


async def time_left(page: Page) -> int:
    """Seconds, as the exam room shows them."""
    hours, minutes, seconds = map(int, (await page.get_by_role("timer").inner_text()).split(":"))
    return (hours * 60 + minutes) * 60 + seconds


@asynccontextmanager
async def exam_started(stage: Stage) -> AsyncIterator[tuple[LearnerStory, ProctorStory]]:
    """A learner whose attempt has begun and who has no stream open."""
    story, proctor = LearnerStory(stage.learners[0], stage), ProctorStory(stage)
    await story.join()
    proctor.watch()
    await proctor.verify(await story.send_evidence())
    await proctor.start()
    await proctor.authorize(story)
    await story.begin()
    await story.close()
    yield story, proctor
    await proctor.close()


async def exam_page(
    opened: Browser, url: str, story: LearnerStory, *, service_worker: bool = False
) -> Visitor:
    """The learner's own window, in front of the questions."""
    learner = await Visitor.arrive(opened, url, service_worker=service_worker)
    await learner.sign_in(story.learner.email, story.learner.password)
    await learner.page.goto(f"/attempts/{story.attempt_id}")
    await expect(learner.page.get_by_label("Your answer")).to_be_visible()
    return learner
