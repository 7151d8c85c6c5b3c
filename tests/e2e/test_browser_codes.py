"""Test enrollment codes: learners paste or type codes, and administrators issue codes."""

from __future__ import annotations

import asyncio
import secrets

from playwright.async_api import Route, expect

from e2e.browsing import Visitor, shared_browser
from e2e.scenario import Scenario
from proctorium.session.v1.lobby_pb2 import JoinSessionRequest
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.code_texts import ACCEPTED, CODE, REFUSED

_JOIN = "**/proctorium.session.v1.LobbyService/JoinSession"


async def test_page_normalises_pasted_codes_like_enrollment(
    stack: Stack, scenario: Scenario
) -> None:
    sent: asyncio.Queue[str] = asyncio.Queue()

    async def record(route: Route) -> None:
        # Skip the header of the gRPC-Web frame, which has five bytes. The rest is the message.
        request = JoinSessionRequest.FromString((route.request.post_data_buffer or b"")[5:])
        sent.put_nowait(request.code)
        await route.abort()

    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        page = learner.page
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await page.goto("/join")
        field, join = page.get_by_label("Enrollment code"), page.get_by_role("button", name="Join")
        alert = page.get_by_role("alert")
        for text in REFUSED.values():
            await field.fill(text)
            await join.click()
            await expect(alert).to_contain_text("An enrollment code has 6 to 8 letters")
            await expect(field).to_have_attribute("aria-invalid", "true")
        await learner.screenshot("code-malformed")
        assert sent.empty()
        await page.route(_JOIN, record)
        for text in ACCEPTED.values():
            await field.fill(text)
            await join.click()
            assert await asyncio.wait_for(sent.get(), 10) == CODE
            await expect(join).to_be_enabled()
        await page.unroute(_JOIN)
        await field.fill(f"{scenario.code[:4]}-{scenario.code[4:]}")
        await join.click()
        await expect(page.get_by_text("Waiting", exact=True)).to_be_visible()
        assert [each for each in learner.errors if "ERR_FAILED" not in each] == []


async def test_issued_code_that_is_easily_mistyped_causes_a_warning(
    stack: Stack, scenario: Scenario
) -> None:
    text = "".join(secrets.choice("abcdefghjkmnp") for _ in range(7))
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.goto(f"/supervise/{scenario.session_id}")
        await page.get_by_text("Issue another code").click()
        field = page.get_by_label("Code", exact=True)
        issue = page.get_by_role("button", name="Issue", exact=True)
        # A code can also be issued to a learner who is registered in the course but not invited.
        await expect(page.get_by_role("option", name=scenario.learners[0].name)).to_have_count(1)
        await field.fill("abcde")
        await issue.click()
        await expect(page.get_by_text("This text has 5.")).to_be_visible()
        await field.fill(text)
        await issue.click()
        await expect(page.get_by_text(f"The code {text} was issued.")).to_be_visible()
        await field.fill(f"{text[:6]}0")
        await issue.click()
        await expect(page.get_by_text("It has characters that look alike")).to_be_visible()
        await field.fill(text.upper())
        await issue.click()
        warning = "Another code that is in use differs from it only in upper and lower case."
        await expect(page.get_by_text(warning)).to_be_visible()
        await administrator.screenshot("code-warning")
        assert administrator.errors == []
