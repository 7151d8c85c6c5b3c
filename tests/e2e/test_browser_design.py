"""Test with axe-core that the pages are accessible in both themes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import expect

from e2e.axe import violations
from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario, create_scenario
from proctorium_devstack.demo import seed
from proctorium_devstack.stack import Stack

_APP = Path("services/portal/web/src/app.tsx")
_ROUTE = re.compile(r'^  \["(/[^"]*)", ', re.MULTILINE)
# The addresses of the pages, as patterns of app.tsx, for each role.
_LEARNER_PAGES = (
    "/",
    "/courses",
    "/courses/:id",
    "/join",
    "/sessions/:id",
    "/sessions/:id/record",
    "/attempts/:id",
    "/results",
    "/notifications",
    "/account",
    "/design",
)
# The pages of a learner whose result is released.
_RESULT_PAGES = ("/results/:id", "/certificates/:id", "/results", "/courses")
_ADMINISTRATOR_PAGES = (
    "/supervise",
    "/supervise/:id",
    "/supervise/:id/accesses",
    "/sessions/:id/report",
    "/schedule",
    "/people",
    "/managed-courses",
    "/managed-courses/:id",
    "/account",
)


def test_each_address_is_checked() -> None:
    routes = set(_ROUTE.findall(_APP.read_text("utf-8")))
    assert routes == {*_LEARNER_PAGES, *_RESULT_PAGES, *_ADMINISTRATOR_PAGES}


@asynccontextmanager
async def exam_in_progress(scenario: Scenario) -> AsyncIterator[dict[str, str]]:
    """Let one learner take the assessment, and another wait; return the ids in the addresses of their pages."""
    learner, omar = (LearnerClient(person, scenario) for person in scenario.learners)
    proctor = ProctorClient(scenario)
    await learner.join()
    await omar.join()
    proctor.watch()
    await proctor.verify(await learner.send_evidence())
    await proctor.start()
    await proctor.authorize(learner)
    await learner.start()
    yield {
        "sessions": scenario.session_id,
        "supervise": scenario.session_id,
        "courses": scenario.course_id,
        "managed-courses": scenario.course_id,
        "attempts": learner.attempt_id,
    }
    for client in (learner, omar):
        await client.close()
    await proctor.close()


async def test_axe_finds_nothing_on_the_pages_of_learners_in_both_themes(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_in_progress(scenario) as ids, shared_browser() as opened:
        visitor = await Visitor.open(opened, stack.url("edge"))
        await visitor.page.get_by_role("heading", name="Sign in").wait_for()
        found = {"sign-in": await violations(visitor.page)}
        await visitor.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        found |= await violations_at(visitor, _LEARNER_PAGES, ids)
    assert {address: each for address, each in found.items() if each} == {}


async def test_axe_finds_nothing_on_the_pages_of_administrators_in_both_themes(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_in_progress(scenario) as ids, shared_browser() as opened:
        staff = await Visitor.open(opened, stack.url("edge"))
        await staff.sign_in(seed.ADMINISTRATOR.email, seed.ADMINISTRATOR.password)
        found = await violations_at(staff, _ADMINISTRATOR_PAGES, ids)
    assert {address: each for address, each in found.items() if each} == {}


async def test_axe_finds_nothing_on_the_pages_of_a_result_in_both_themes(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"))
    learner, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await learner.join()
    proctor.watch()
    await proctor.verify(await learner.send_evidence())
    await proctor.start()
    await proctor.authorize(learner)
    await learner.answer_all(await learner.start())
    await learner.submit()
    await proctor.end()
    await learner.wait_for_result()
    certificate, _ = await learner.wait_for_certificate()
    ids = {"results": learner.attempt_id, "certificates": certificate.certificate_id}
    async with shared_browser() as opened:
        visitor = await Visitor.open(opened, stack.url("edge"))
        await visitor.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        found = await violations_at(visitor, _RESULT_PAGES, ids)
    assert {address: each for address, each in found.items() if each} == {}
    await learner.close()
    await proctor.close()
    await scenario.close()


async def violations_at(
    visitor: Visitor, patterns: tuple[str, ...], ids: dict[str, str]
) -> dict[str, list[str]]:
    """Visit the pages, take screenshots of them, and return the violations by pattern."""
    page, found = visitor.page, {}
    for pattern in patterns:
        kind = pattern.split("/")[1]
        await page.goto(pattern.replace(":id", ids.get(kind, "")))
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        if pattern != "/design":
            await expect(page.locator(".skeleton")).to_have_count(0)
        found[pattern] = await violations(page)
        name = pattern.strip("/").replace("/:id", "-one").replace("/", "-")
        await visitor.screenshot(f"page-{name or 'start'}")
    assert visitor.errors == []
    return found
