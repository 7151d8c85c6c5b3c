"""Test the console of proctors: shortcuts, alerts, the timeline of a learner, and the warnings about the end."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from playwright.async_api import Page, Route, expect

from e2e.browsing import shared_browser
from e2e.clients import LearnerClient, ProctorClient, correct_answer
from e2e.console import open_learner, row_of
from e2e.grpc_web import response_body
from e2e.scenario import Scenario, create_scenario
from e2e.supervising import pause_all, resume_all, until_clock
from e2e.test_browser_connections import exam_started
from e2e.test_browser_incidents import supervising
from proctorium.assessment.v1.attempts_pb2 import CLOCK_STATE_PAUSED
from proctorium.session.v1.messages_pb2 import SendMessageRequest
from proctorium.session.v1.sessions_pb2 import IDENTITY_POLICY_NONE, Session
from proctorium.session.v1.supervision_pb2 import (
    GetRecordRequest,
    RosterSnapshot,
    WatchRosterResponse,
)
from proctorium_common.ids import new_id
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack

_LEARNERS = (EdgeChannel,) * 4
# Records the number in the title of the page at the start of each tone. A sound has two tones.
_RECORD_TONES = """
    window.tones = [];
    window.AudioContext = class extends AudioContext {
        constructor() {
            super();
            window.audio = this;
        }
        createOscillator() {
            window.tones.push(document.title.slice(0, 3));
            return super.createOscillator();
        }
    };
"""
_SAVED_DURING_STOP = "attempt.saved-during-stop"
_SAVED = "Answers saved during a pause, a break, a removal or a wait to be let back in (2 changes)"
# The minutes from now until the planned end, and the warning.
_WARNINGS = (
    (9, "Less than 10 minutes until the planned end of the session."),
    (1, "Less than 2 minutes until the planned end of the session."),
    (-1, "The planned end of the session has been reached."),
    (-7, "The planned end of the session was more than 5 minutes ago."),
    (-12, "The planned end of the session was more than 10 minutes ago."),
)
_OVERDUE = "The session cannot end automatically, because a learner's assessment is paused."


async def test_shortcuts_work_outside_of_fields_until_they_are_switched_off(
    stack: Stack, scenario: Scenario
) -> None:
    async with shared_browser() as opened:
        proctor = await supervising(stack, scenario, opened)
        page = proctor.page
        first, second = (page.get_by_role("rowheader").get_by_role("button").nth(n) for n in (0, 1))
        search = page.get_by_label("Find a learner by name")
        shortcuts = page.get_by_role("dialog", name="Keyboard shortcuts")
        await expect(second).to_be_visible()

        await page.keyboard.press("?")
        await expect(shortcuts).to_contain_text("Find a learner")
        await page.keyboard.press("Escape")
        # A closed dialog has no role, but it has the focus until it is removed from the page.
        await expect(page.locator("dialog")).to_have_count(0)
        await page.keyboard.press("/")
        await expect(search).to_be_focused()
        await page.keyboard.type("?/jx")
        await expect(search).to_have_value("?/jx")
        await expect(shortcuts).to_have_count(0)
        await search.clear()

        await first.focus()
        for key, focused in (
            ("j", second),
            ("k", first),
            ("ArrowDown", second),
            ("ArrowUp", first),
        ):
            await page.keyboard.press(key)
            await expect(focused).to_be_focused()
        await page.keyboard.press("x")
        await expect(page.get_by_text("1 learner selected")).to_be_visible()
        await page.keyboard.press("x")
        await expect(page.get_by_text("1 learner selected")).to_have_count(0)
        await page.keyboard.press("Enter")
        panel = page.get_by_role("region", name=await first.inner_text(), exact=True)
        await expect(panel.get_by_role("heading").first).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(panel).to_have_count(0)
        await expect(first).to_be_focused()

        await page.keyboard.press("?")
        await shortcuts.get_by_label("Use the shortcuts").uncheck()
        await page.keyboard.press("Escape")
        await expect(shortcuts).to_have_count(0)
        await expect_only_shortcuts_of_rows(page)
        await page.reload()
        await expect(second).to_be_visible()
        await expect_only_shortcuts_of_rows(page)
        await page.get_by_role("button", name="Options").click()
        await page.get_by_role("menuitem", name="Keyboard shortcuts").click()
        await expect(shortcuts.get_by_label("Use the shortcuts")).not_to_be_checked()
        assert proctor.errors == []


async def expect_only_shortcuts_of_rows(page: Page) -> None:
    """Press `?` and `/`, which must not move the focus from the first row, and `j`, which moves it to the second."""
    rows = page.get_by_role("rowheader").get_by_role("button")
    await rows.first.focus()
    for key in ("?", "/", "j"):
        await page.keyboard.press(key)
    await expect(rows.nth(1)).to_be_focused()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_only_new_urgent_needs_sound_and_the_title_counts_their_learners(
    stack: Stack,
) -> None:
    scenario = await create_scenario(
        stack.address("edge"), identity_policy=IDENTITY_POLICY_NONE, learner_channels=_LEARNERS
    )
    clients = [LearnerClient(each, scenario) for each in scenario.learners]
    for client in clients:
        await client.join()
    await ask(clients[0])
    async with shared_browser() as opened:
        proctor = await supervising(stack, scenario, opened)
        page = proctor.page
        await page.add_init_script(_RECORD_TONES)
        await page.reload()
        await expect(page.get_by_text("Connected", exact=True)).to_have_count(len(clients))
        await expect(page).to_have_title(re.compile(r"^\(1\) "))
        await page.get_by_role("heading", level=1).click()
        await page.wait_for_function("window.audio?.state === 'running'")

        await ask(clients[1])
        await expect(page).to_have_title(re.compile(r"^\(2\) "))
        await choose_option(page, "Sound for what is urgent")
        await ask(clients[2])
        await expect(page).to_have_title(re.compile(r"^\(3\) "))
        await choose_option(page, "Sound for what is urgent")
        await ask(clients[3])
        await expect(page).to_have_title(re.compile(r"^\(4\) "))
        await page.wait_for_function("tones.length >= 4")
        assert await page.evaluate("tones") == ["(2)", "(2)", "(4)", "(4)"]

        await choose_option(page, "Number in the page title")
        await expect(page).to_have_title(re.compile(r"^[^(]"))
        await page.reload()
        await expect(row_of(page, scenario.learners[0].name)).to_contain_text("1 unread")
        await expect(page).to_have_title(re.compile(r"^[^(].+ · Proctorium$"))
        await choose_option(page, "Number in the page title")
        await expect(page).to_have_title(re.compile(r"^\(4\) "))
        assert proctor.errors == []
    for client in clients:
        await client.close()
    await scenario.close()


async def test_timeline_shows_the_number_of_changes_during_a_stop(
    stack: Stack, scenario: Scenario
) -> None:
    async with shared_browser() as opened, exam_started(scenario) as (client, proctor):
        window = await supervising(stack, scenario, opened)
        panel = await open_learner(window.page, client.learner.name)
        await panel.get_by_role("tab", name="Timeline").click()
        timeline = panel.get_by_role("list", name="Timeline, newest first")
        entries = timeline.get_by_role("listitem")
        await expect(entries.filter(has_text="Attempt started")).to_have_count(1)
        await expect(entries.last).to_contain_text("Session scheduled")
        await expect(entries.filter(has_text="Session started")).to_contain_text(
            scenario.proctor.name
        )

        other = LearnerClient(scenario.learners[1], scenario)
        await other.rejoin()
        item = (await client.read_attempt()).items[0]
        await pause_all(proctor, "The fire alarm rang.")
        await until_clock(client, CLOCK_STATE_PAUSED)
        for _ in range(2):
            await client.save(item, correct_answer(item))
        await resume_all(proctor)
        await wait_until_recorded(proctor, _SAVED_DURING_STOP)
        await panel.get_by_role("button", name="Load again").click()
        await expect(entries.filter(has_text=_SAVED)).to_have_count(1)
        await expect(entries.filter(has_text="Whole session paused")).to_have_count(1)
        # The timeline has no entries about other learners.
        await expect(entries.filter(has_text="Joined")).to_have_count(1)
        await window.screenshot("timeline")
        assert window.errors == []
        await other.close()


async def test_session_bar_warns_about_the_planned_end_and_about_an_overdue_session(
    stack: Stack, scenario: Scenario
) -> None:
    learner, client = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await learner.join()
    session = await client.start()

    async def respond(route: Route) -> None:
        response = WatchRosterResponse(snapshot=RosterSnapshot(session=session))
        response.server_time.GetCurrentTime()
        await route.fulfill(body=response_body(response), content_type="application/grpc-web+proto")

    async with shared_browser() as opened:
        proctor = await supervising(stack, scenario, opened)
        page = proctor.page
        bar = page.get_by_role("region", name="Session", exact=True)
        await expect(bar.get_by_text("In progress", exact=True)).to_be_visible()
        await expect(bar).not_to_contain_text("the planned end of the session")
        await page.route("**/WatchRoster", respond)
        for minutes, warning in _WARNINGS:
            plan_end(session, timedelta(minutes=minutes))
            await page.reload()
            await expect(bar.get_by_role("status").get_by_text(warning)).to_be_visible()
        await expect(bar.get_by_role("alert")).to_have_count(0)
        session.overdue_time.GetCurrentTime()
        await page.reload()
        await expect(bar.get_by_role("alert")).to_contain_text(_OVERDUE)
        await proctor.screenshot("overdue")
        assert proctor.errors == []
    await learner.close()


async def ask(client: LearnerClient) -> None:
    """Send a message from the learner to the proctors."""
    await client.learner.messages.SendMessage(
        SendMessageRequest(
            request_id=str(new_id()),
            session_id=client.scenario.session_id,
            participant_id=client.participant_id,
            text="Is a dictionary allowed?",
        )
    )


async def choose_option(page: Page, option: str) -> None:
    """Switch an option of the console on or off."""
    await page.get_by_role("button", name="Options").click()
    await page.get_by_role("menuitemcheckbox", name=option).click()


async def wait_until_recorded(proctor: ProctorClient, event: str) -> None:
    """Wait until the session record has an entry whose event is `event`."""
    request = GetRecordRequest(session_id=proctor.scenario.session_id, page_size=1000)

    async def recorded() -> bool | None:
        entries = (await proctor.proctor.record.GetRecord(request)).entries
        return any(entry.event == event for entry in entries) or None

    await eventually(recorded, f"{event} in the session record")


def plan_end(session: Session, time_left: timedelta) -> None:
    """Move the planned start of a session, so that the session is planned to end after `time_left`."""
    start = datetime.now(UTC) + time_left - session.plan.duration.ToTimedelta()
    session.plan.start_time.FromDatetime(start)
