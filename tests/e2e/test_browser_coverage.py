"""Test that another proctor takes an uncovered session, and hands it back."""

from __future__ import annotations

import secrets
from datetime import timedelta

from playwright.async_api import Browser, Locator, Page, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient
from e2e.scenario import create_scenario, register_person
from proctorium.session.v1.sessions_pb2 import GetSessionRequest
from proctorium_devstack.demo import seed
from proctorium_devstack.demo.people import Person
from proctorium_devstack.stack import Stack

COLLEAGUE = "Berit Larsen"


async def test_colleague_takes_over_when_the_proctor_vanishes(stack: Stack) -> None:
    edge = stack.address("edge")
    scenario = await create_scenario(
        edge, uncovered_after=timedelta(seconds=3), named_after_run=True
    )
    colleague = await register_person(
        scenario.administrator, edge, COLLEAGUE, f"berit.{secrets.token_hex(4)}", is_proctor=True
    )
    await seed.certify(scenario.administrator, colleague.person_id)
    learner, name = LearnerClient(scenario.learners[0], scenario), scenario.learners[0].name
    await learner.join()
    session = f"/supervise/{scenario.session_id}"
    request = GetSessionRequest(session_id=scenario.session_id)
    title = (await scenario.administrator.sessions.GetSession(request)).session.plan.title
    async with shared_browser() as opened:
        first = await visit(opened, stack, scenario.proctor, session)
        await expect(proctors(first.page)).to_contain_text("Lead proctor: you")
        await expect(proctors(first.page)).to_contain_text("Present now: you")
        second = await visit(opened, stack, colleague, "/supervise")
        await first.page.context.close()

        alarm = second.page.get_by_text(f"No proctor is present in “{title}”.")
        await expect(alarm).to_be_visible(timeout=60_000)
        await second.screenshot("uncovered-session")
        lead = await visit(opened, stack, scenario.proctor, "/supervise")
        await expect(
            lead.page.get_by_role("link", name=f"Open the session {title}")
        ).to_be_visible()
        await expect(lead.page.get_by_role("button", name=f"Take over {title}")).to_have_count(0)
        await lead.page.context.close()
        await second.page.get_by_role("button", name=f"Take over {title}").click()
        await expect(proctors(second.page)).to_contain_text("Lead proctor: you")
        await expect(second.page.get_by_role("rowheader", name=name)).to_be_visible()
        await expect(second.page.get_by_role("button", name="Start the session")).to_be_visible()

        back = await visit(opened, stack, scenario.proctor, session)
        await expect(proctors(back.page)).to_contain_text(f"Lead proctor: {COLLEAGUE}")
        await second.page.get_by_role("button", name="Hand the session over…").click()
        form = second.page.get_by_role("form", name="Hand the session over")
        await form.get_by_label("New lead proctor").select_option(label=scenario.proctor.name)
        await second.screenshot("hand-over")
        await form.get_by_role("button", name="Hand over", exact=True).click()
        await expect(proctors(second.page)).to_contain_text(
            f"Lead proctor: {scenario.proctor.name}"
        )
        await expect(proctors(back.page)).to_contain_text("Lead proctor: you")
        assert second.errors == []
        assert back.errors == []
    await learner.close()
    await colleague.close()
    await scenario.close()


async def visit(opened: Browser, stack: Stack, person: Person, address: str) -> Visitor:
    """Open a window, sign the person in, and open a page."""
    visitor = await Visitor.open(opened, stack.url("edge"))
    await visitor.sign_in(person.email, person.password)
    await visitor.page.goto(address)
    return visitor


def proctors(page: Page) -> Locator:
    """Return the section of the page that shows the proctors of the session."""
    return page.get_by_role("region", name="Proctors")
