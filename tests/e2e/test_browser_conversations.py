"""Test messages on the pages: a learner in the exam room and a proctor exchange messages, and announcements arrive."""

from __future__ import annotations

import re

from playwright.async_api import Locator, Page, expect

from e2e.browsing import shared_browser
from e2e.console import open_learner, opener_of
from e2e.scenario import Scenario
from e2e.test_browser_connections import exam_page, exam_started
from e2e.test_browser_incidents import supervising
from proctorium_devstack.stack import Stack

_QUESTION = "Is a dictionary allowed?\n<b>I have one here.</b>"


async def test_learner_and_proctor_exchange_messages_during_an_attempt(
    stack: Stack, scenario: Scenario
) -> None:
    async with shared_browser() as opened, exam_started(scenario) as (client, _):
        learner = await exam_page(opened, stack.url("edge"), client)
        proctor = await supervising(stack, scenario, opened)
        exam, desk = learner.page, proctor.page
        name = client.learner.name
        row = desk.get_by_role("row").filter(has_text=name)

        # The learner asks without leaving the question.
        answer = exam.get_by_label("Your answer")
        await answer.fill("0.4")
        await exam.get_by_role("button", name="Chat").click()
        chat = exam.get_by_role("region", name="Chat with the proctors")
        await expect(chat.get_by_label("Message to the proctors")).to_be_focused()
        await exam.keyboard.type(_QUESTION)
        # An unsent message survives closing the chat.
        await exam.keyboard.press("Escape")
        await exam.get_by_role("button", name="Chat").click()
        await expect(chat.get_by_label("Message to the proctors")).to_have_value(_QUESTION)
        await chat.get_by_role("button", name="Send").click()
        await expect(chat.get_by_role("log")).to_contain_text("<b>I have one here.</b>")
        await expect(chat.get_by_label("Message to the proctors")).to_have_value("")
        await learner.screenshot("messages-learner")
        await exam.keyboard.press("Escape")
        await expect(chat).to_have_count(0)
        await expect(exam.get_by_role("button", name="Chat")).to_be_focused()
        await expect(answer).to_have_value("0.4")

        # The proctor sees the unread message, also after a reload, and answers.
        await expect(row).to_contain_text("Unread message")
        await expect(row).to_contain_text("1 unread")
        await desk.reload()
        await expect(row).to_contain_text("1 unread")
        await expect(desk).to_have_title(re.compile(r"^\(1\) "))
        await opener_of(desk, name).focus()
        await desk.keyboard.press("c")
        conversation = desk.get_by_role("region", name=f"Chat with {name}")
        await expect(conversation.get_by_label(f"Message to {name}")).to_be_focused()
        await expect(conversation.get_by_role("log")).to_contain_text("Is a dictionary allowed?")
        await expect(row).not_to_contain_text("unread")
        await conversation.get_by_label(f"Message to {name}").fill("Yes, on paper.")
        await desk.get_by_role("tab", name="Overview").click()
        await desk.get_by_role("tab", name="Chat").click()
        await expect(conversation.get_by_label(f"Message to {name}")).to_have_value(
            "Yes, on paper."
        )
        await conversation.get_by_role("button", name="Send").click()
        await expect(conversation.get_by_role("log")).to_contain_text("Yes, on paper.")
        await proctor.screenshot("messages-proctor")
        await desk.keyboard.press("Escape")
        await expect(conversation).to_have_count(0)
        await expect(opener_of(desk, name)).to_be_focused()

        # The learner's unread mark survives a reload, and reading clears the mark.
        await expect(exam.get_by_role("button", name="Chat")).to_contain_text("1 unread")
        await exam.reload()
        await expect(exam.get_by_role("button", name="Chat")).to_contain_text("1 unread")
        await exam.get_by_role("button", name="Chat").click()
        await expect(messages_in(chat)).to_have_count(2)
        await expect(chat.get_by_role("log")).to_contain_text("Yes, on paper.")
        await expect(exam.get_by_role("button", name="Chat")).not_to_contain_text("unread")
        await exam.reload()
        await expect(exam.get_by_role("button", name="Chat")).to_be_visible()
        await expect(exam.get_by_role("button", name="Chat")).not_to_contain_text("unread")
        await desk.reload()
        await expect(row).to_be_visible()
        await expect(row).not_to_contain_text("unread")
        assert learner.errors + proctor.errors == []


async def test_announcement_reaches_a_learner_who_confirms_it(
    stack: Stack, scenario: Scenario
) -> None:
    async with shared_browser() as opened, exam_started(scenario) as (client, _):
        learner = await exam_page(opened, stack.url("edge"), client)
        proctor = await supervising(stack, scenario, opened)
        exam, desk = learner.page, proctor.page
        section = desk.get_by_role("region", name="Announcements")
        # The live region exists before the announcement, so that screen readers read the announcement.
        await expect(announcements(exam)).to_have_count(1)
        await announce(section, "Ten minutes left.")
        await expect(announcements(exam)).to_contain_text("Ten minutes left.")
        await announce(section, "Five minutes left.")
        await expect(announcements(exam)).to_contain_text("Five minutes left.")
        await expect(announcements(exam).get_by_role("article")).to_have_count(2)
        await learner.screenshot("announcements-learner")
        await exam.reload()
        await expect(announcements(exam).get_by_role("article")).to_have_count(2)
        await exam.get_by_role("button", name="I have read this").click()
        await expect(announcements(exam).get_by_role("article")).to_have_count(0)
        await exam.reload()
        await exam.get_by_role("button", name="Chat").click()
        await expect(exam.get_by_text("2 announcements from the proctors")).to_be_visible()
        await expect(announcements(exam).get_by_role("article")).to_have_count(0)

        await expect(section.get_by_role("heading", name="Announcements (2)")).to_be_visible()
        await expect(section).to_contain_text("Read by 1 of ")
        await proctor.screenshot("announcements-proctor")
        assert learner.errors + proctor.errors == []


async def announce(section: Locator, text: str) -> None:
    """Send an announcement."""
    await section.get_by_label("Announcement to all learners").fill(text)
    await section.get_by_role("button", name="Send to all learners").click()
    await expect(section.get_by_role("article").filter(has_text=text)).to_be_visible()


def announcements(page: Page) -> Locator:
    """Return the live region with the unread announcements."""
    return page.locator(".announcements[role=status]")


def messages_in(chat: Locator) -> Locator:
    """Return the messages in a drawer."""
    return chat.get_by_role("log").get_by_role("article")


async def test_proctor_answers_a_raised_hand(stack: Stack, scenario: Scenario) -> None:
    async with shared_browser() as opened, exam_started(scenario) as (client, _):
        learner = await exam_page(opened, stack.url("edge"), client)
        proctor = await supervising(stack, scenario, opened)
        exam, desk = learner.page, proctor.page
        name = client.learner.name
        await expect(desk.get_by_role("button", name="0 Hands")).to_be_visible()

        await exam.get_by_role("button", name="Raise hand").click()
        await expect(exam.get_by_role("button", name="Question", exact=True)).to_be_focused()
        await exam.keyboard.press("Escape")
        await exam.get_by_role("button", name="Raise hand").click()
        await exam.get_by_role("button", name="Technical problem").click()
        await expect(exam.get_by_text("Hand raised: Technical problem")).to_be_visible()
        await learner.screenshot("hand-raised")
        await exam.reload()
        await exam.get_by_role("button", name="Lower hand").click()
        await expect(exam.get_by_role("button", name="Raise hand")).to_be_visible()

        await exam.get_by_role("button", name="Raise hand").click()
        await exam.get_by_role("button", name="Break", exact=True).click()
        await desk.get_by_role("button", name="1 Hands").click()
        panel = await open_learner(desk, name)
        waiting = panel.get_by_role("region", name="Raised hand")
        await expect(waiting).to_contain_text("Break")
        await expect(waiting).to_contain_text("for less than a minute")
        await expect(desk.get_by_role("row").filter(has_text=name)).to_contain_text("Raised hand")
        await proctor.screenshot("hands-queue")
        await waiting.get_by_role("button", name="Answer").click()
        chat = desk.get_by_role("region", name=f"Chat with {name}")
        await expect(chat.get_by_label(f"Message to {name}")).to_be_focused()
        await expect(waiting).to_have_count(0)
        await expect(exam.get_by_role("button", name="Raise hand")).to_be_visible()
        await expect(exam.get_by_text("Your hand is lowered.")).to_be_visible()
        assert learner.errors + proctor.errors == []
