"""Test a person who opens too many windows: the oldest window shows why its stream ended and how to continue."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import AsyncExitStack, aclosing
from typing import Any, cast

from playwright.async_api import expect

from e2e.browsing import shared_browser
from e2e.scenario import Scenario
from e2e.test_browser_connections import exam_page, exam_started
from proctorium.assessment.v1.attempts_pb2 import WatchAttemptRequest
from proctorium.session.v1.lobby_pb2 import WatchSessionRequest
from proctorium_common.rpc.calls import STREAMS_PER_PERSON
from proctorium_devstack.stack import Stack

_SENTENCE = "You have this open in too many windows, so the oldest one is no longer updated."


async def test_oldest_window_over_the_stream_limit_explains_why_it_stopped(
    stack: Stack, scenario: Scenario
) -> None:
    async with shared_browser() as opened, exam_started(scenario) as (client, _):
        learner = await exam_page(opened, stack.url("edge"), client)
        exam = learner.page
        lobby = await exam.context.new_page()
        await lobby.goto(f"/sessions/{scenario.session_id}")
        await expect(lobby.get_by_text("In Session", exact=True)).to_be_visible()
        async with AsyncExitStack() as open_streams:

            async def keep_open(stream: AsyncIterable[Any]) -> None:
                opened_stream = await open_streams.enter_async_context(
                    aclosing(cast("Any", stream))
                )
                await anext(opened_stream)

            person = client.learner
            for _ in range(STREAMS_PER_PERSON):
                attempt = WatchAttemptRequest(attempt_id=client.attempt_id)
                await keep_open(person.attempts.WatchAttempt(attempt))
                session = WatchSessionRequest(session_id=scenario.session_id)
                await keep_open(person.lobby.WatchSession(session))
            for page in (exam, lobby):
                note = page.locator("[data-reason=TOO_MANY_STREAMS]")
                await expect(note).to_contain_text(_SENTENCE)
                # The page must not show that it is reconnecting, because it does not reconnect automatically.
                await expect(page.get_by_text("reconnecting")).to_have_count(0)
                await expect(page.get_by_text("The connection is lost")).to_have_count(0)
            await learner.screenshot("exam-too-many-windows")
            # Check that answers are saved although the stream of the page has ended.
            await exam.get_by_label("Your answer").fill("0.4")
            await expect(exam.get_by_text("All answers saved")).to_be_visible()
        for page in (exam, lobby):
            await page.reload()
            await expect(page.locator("[data-reason=TOO_MANY_STREAMS]")).to_have_count(0)
        await expect(exam.get_by_label("Your answer")).to_have_value("0.4")
        assert learner.errors == []
