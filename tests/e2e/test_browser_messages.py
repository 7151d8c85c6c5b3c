"""Test the messages of a person: loading more pages of messages, and marking messages as read."""

from __future__ import annotations

from playwright.async_api import Route, expect

from e2e.browsing import Visitor, shared_browser
from e2e.grpc_web import frame_message, unframe_message
from e2e.scenario import Scenario
from proctorium.notification.v1.notifications_pb2 import ListNotificationsRequest
from proctorium.session.v1.sessions_pb2 import CancelSessionRequest
from proctorium_devstack.demo.people import Person
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack

_LIST = "**/proctorium.notification.v1.InboxService/ListNotifications"


async def test_messages_are_paged_and_marked_as_read(stack: Stack, scenario: Scenario) -> None:
    learner = scenario.learners[0]
    await wait_for_messages(learner, 1)
    await scenario.administrator.sessions.CancelSession(
        CancelSessionRequest(session_id=scenario.session_id)
    )
    await wait_for_messages(learner, 2)
    async with shared_browser() as opened:
        visitor = await Visitor.open(opened, stack.url("edge"))
        page = visitor.page
        await visitor.sign_in(learner.email, learner.password)
        await page.route(_LIST, request_one)
        await page.get_by_role("navigation").get_by_role("link", name="Messages (2 new)").click()
        messages = page.get_by_role("main").get_by_role("listitem")
        await expect(messages).to_have_count(1)
        await expect(messages).to_contain_text("cancelled")
        older = page.get_by_role("button", name="Show older messages")
        await older.click()
        await expect(messages).to_have_count(2)
        await expect(messages.last).to_contain_text("enrollment code")
        await expect(older).to_have_count(0)
        new = messages.get_by_text("New", exact=True)
        await expect(new).to_have_count(2)
        await visitor.screenshot("messages")
        await page.get_by_role("button", name="Mark all as read").click()
        await expect(new).to_have_count(0)
        await older.click()
        await expect(messages).to_have_count(2)
        await expect(new).to_have_count(0)
        await expect(page.get_by_role("button", name="Mark all as read")).to_have_count(0)
        assert visitor.errors == []


async def wait_for_messages(person: Person, messages: int) -> None:
    """Wait until the person has `messages` notifications."""

    async def listed() -> bool | None:
        answer = await person.inbox.ListNotifications(ListNotificationsRequest())
        return len(answer.notifications) == messages or None

    await eventually(listed, f"{messages} messages")


async def request_one(route: Route) -> None:
    """Set the page size in a request to one."""
    body = route.request.post_data_buffer
    assert body is not None
    request = unframe_message(body, ListNotificationsRequest)
    request.page_size = 1
    await route.continue_(post_data=frame_message(request.SerializeToString()))
