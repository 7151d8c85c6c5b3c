"""Test with axe-core that the pages are accessible in both themes."""

from __future__ import annotations

from playwright.async_api import expect

from e2e.axe import violations
from e2e.browsing import Visitor, browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario
from proctorium_devstack.demo import seed
from proctorium_devstack.stack import Stack

_LEARNER_PAGES = ("/courses", "/join", "/results", "/notifications", "/account", "/design")
_ADMINISTRATOR_PAGES = ("/supervise", "/schedule", "/people", "/managed-courses", "/account")


async def test_axe_finds_nothing_on_the_pages_in_both_themes(
    stack: Stack, scenario: Scenario
) -> None:
    learner, omar = (LearnerClient(person, scenario) for person in scenario.learners)
    proctor = ProctorClient(scenario)
    await learner.join()
    await omar.join()
    proctor.watch()
    await proctor.verify(await learner.send_evidence())
    await proctor.start()
    await proctor.authorize(learner)
    await learner.start()
    found: dict[str, list[str]] = {}
    async with browser() as opened:
        visitor = await Visitor.open(opened, stack.url("edge"))
        await visitor.page.get_by_role("heading", name="Sign in").wait_for()
        found["sign-in"] = await violations(visitor.page)
        await visitor.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        session = f"/sessions/{scenario.session_id}"
        course = f"/courses/{scenario.course_id}"
        attempt = f"/attempts/{learner.attempt_id}"
        for address in (session, course, attempt, *_LEARNER_PAGES):
            found[address] = await violations_at(visitor, address)
        assert visitor.errors == []

        staff = await Visitor.open(opened, stack.url("edge"))
        await staff.sign_in(seed.ADMINISTRATOR.email, seed.ADMINISTRATOR.password)
        session = f"/supervise/{scenario.session_id}"
        course = f"/managed-courses/{scenario.course_id}"
        for address in (session, f"{session}/accesses", course, *_ADMINISTRATOR_PAGES):
            found[address] = await violations_at(staff, address)
        assert staff.errors == []
    assert {address: each for address, each in found.items() if each} == {}
    for client in (learner, omar):
        await client.close()
    await proctor.close()


async def violations_at(visitor: Visitor, address: str) -> list[str]:
    page = visitor.page
    await page.goto(address)
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    if address != "/design":
        await expect(page.locator(".skeleton")).to_have_count(0)
    return await violations(page)
