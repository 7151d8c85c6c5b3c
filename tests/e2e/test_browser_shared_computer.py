"""Test a shared computer: closing the browser ends the sign-in, and pages show the name of the signed-in person."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from e2e.browsing import Visitor, browser_with_profile, shared_browser
from e2e.clients import LearnerClient
from e2e.proxy import Proxy
from e2e.scenario import Scenario
from e2e.test_browser_connections import exam_started
from e2e.test_browser_offline import wait_until_stored
from proctorium_devstack.demo import seed
from proctorium_devstack.stack import Stack

_UNREACHABLE = "The server cannot be reached at the moment."


@pytest.mark.parametrize("stay_signed_in", [False, True], ids=["by-default", "stay-signed-in"])
async def test_closing_the_browser_ends_a_sign_in_unless_stay_signed_in_was_chosen(
    stack: Stack, scenario: Scenario, tmp_path: Path, stay_signed_in: bool
) -> None:
    learner = scenario.learners[0]
    async with exam_started(scenario) as (client, _), Proxy.to(stack.address("edge")) as proxy:
        address = f"/attempts/{client.attempt_id}"
        async with browser_with_profile(tmp_path, proxy.url) as visitor:
            await visitor.page.goto(address)
            await visitor.sign_in(learner.email, learner.password, stay_signed_in=stay_signed_in)
            await expect(visitor.page.get_by_label("Your answer")).to_be_visible()
            await wait_until_stored(visitor.page)
            await visitor.page.reload()
            await expect(visitor.page.get_by_label("Your answer")).to_be_visible()
        # Disconnect the proxy, so that the browser can use only its stored data.
        await proxy.disconnect()
        async with browser_with_profile(tmp_path, proxy.url) as visitor:
            page, question = visitor.page, visitor.page.get_by_label("Your answer")
            await page.goto(address)
            if stay_signed_in:
                await expect(question).to_be_visible()
            else:
                await expect(page.get_by_text(_UNREACHABLE)).to_be_visible()
                await expect(question).to_have_count(0)
            proxy.restore()
            if stay_signed_in:
                await expect(page.get_by_text(_UNREACHABLE)).to_have_count(0)
                await page.reload()
                await expect(question).to_be_visible()
            else:
                await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
                await expect(page.get_by_text(learner.name)).to_have_count(0)
                await expect(
                    page.get_by_label("Stay signed in on this computer")
                ).not_to_be_checked()
                await visitor.screenshot("sign-in")


async def test_page_shows_who_is_signed_in_and_offers_sign_out(
    stack: Stack, scenario: Scenario
) -> None:
    lena, omar = scenario.learners
    waiting = LearnerClient(omar, scenario)
    await waiting.join()
    await waiting.close()
    async with shared_browser() as opened, exam_started(scenario) as (client, _):
        visitor = await Visitor.open(opened, stack.url("edge"))
        page = visitor.page
        await visitor.sign_in(lena.email, lena.password)
        who = page.get_by_role("group", name="Who is signed in")
        for address in (
            "/join",
            f"/sessions/{scenario.session_id}",
            f"/attempts/{client.attempt_id}",
        ):
            await page.goto(address)
            await expect(who).to_contain_text(f"Signed in as {lena.name}. Not you?")
        await expect(page.get_by_label("Your answer")).to_be_visible()
        await visitor.screenshot("exam-signed-in-as")
        await who.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await visitor.sign_in(omar.email, omar.password)
        await expect(page.get_by_role("heading", name="Your courses")).to_be_visible()
        await page.goto(f"/sessions/{scenario.session_id}")
        await expect(who).to_contain_text(f"Signed in as {omar.name}. Not you?")
        await visitor.screenshot("lobby-signed-in-as")
        assert visitor.errors == []


async def test_sign_out_everywhere_ends_the_sign_in_of_another_browser(
    stack: Stack, scenario: Scenario
) -> None:
    learner = scenario.learners[0]
    async with shared_browser() as opened, exam_started(scenario) as (client, _):
        elsewhere = await Visitor.open(opened, stack.url("edge"))
        await elsewhere.sign_in(learner.email, learner.password, stay_signed_in=True)
        await elsewhere.page.goto(f"/attempts/{client.attempt_id}")
        await expect(elsewhere.page.get_by_label("Your answer")).to_be_visible()
        visitor = await Visitor.open(opened, stack.url("edge"))
        page = visitor.page
        await visitor.sign_in(learner.email, learner.password)
        await page.goto("/account")
        await expect(page.get_by_text("Answers that were not sent yet stay")).to_be_visible()
        # Simulate that the access token expires while the page is open.
        await page.context.clear_cookies(name="proctorium_token")
        await page.get_by_role("button", name="Sign out everywhere…").click()
        await expect(
            page.get_by_text("You are signed out on every device within seconds")
        ).to_be_visible()
        await visitor.screenshot("account-sign-out-everywhere")
        await page.get_by_role("button", name="Sign out everywhere now").click()
        await expect(page.get_by_text("You are signed out everywhere.")).to_be_visible()
        # The streams of the exam room in the other window end, and the other window shows the sign-in form.
        await expect(elsewhere.page.get_by_role("heading", name="Sign in")).to_be_visible()
        await visitor.sign_in(learner.email, learner.password)
        assert visitor.errors == []


async def test_administrator_signs_out_another_person(stack: Stack, scenario: Scenario) -> None:
    learner = scenario.learners[0]
    async with shared_browser() as opened:
        other = await Visitor.open(opened, stack.url("edge"))
        await other.sign_in(learner.email, learner.password)
        ada = await Visitor.open(opened, stack.url("edge"))
        await ada.sign_in(seed.ADMINISTRATOR.email, seed.ADMINISTRATOR.password)
        await (
            ada.page.get_by_role("banner")
            .get_by_role("link", name=seed.ADMINISTRATOR.name.split()[0])
            .click()
        )
        await expect(ada.page.get_by_text("you are signed out everywhere")).to_be_visible()
        await expect(ada.page.get_by_text("answers")).to_have_count(0)
        await ada.page.goto("/people")
        await ada.page.get_by_label("Find by name or e-mail address").fill(learner.email)
        card = ada.page.get_by_role("listitem").filter(has_text=learner.email)
        await card.get_by_text("Change").click()
        await card.get_by_role("button", name="Sign them out everywhere…").click()
        await ada.screenshot("people-sign-out-everywhere")
        await card.get_by_role("button", name="Sign them out now").click()
        await expect(card.get_by_text(f"{learner.name} is signed out everywhere.")).to_be_visible()
        await other.page.goto("/join")
        await expect(other.page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert ada.errors == []
