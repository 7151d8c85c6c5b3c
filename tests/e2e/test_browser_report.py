"""Test that proctors read the report of a session in the browser, and download it as PDF and CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from playwright.async_api import Browser, Page, expect
from pypdf import PdfReader

from e2e.axe import violations
from e2e.browsing import Visitor, browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario
from proctorium.session.v1.incidents_pb2 import INCIDENT_SEVERITY_SERIOUS, CreateIncidentRequest
from proctorium_devstack.demo.people import Person
from proctorium_devstack.stack import Stack


async def test_proctor_reads_and_downloads_the_report(stack: Stack, scenario: Scenario) -> None:
    clients = [LearnerClient(each, scenario) for each in scenario.learners]
    proctor = ProctorClient(scenario)
    participants = [await client.join() for client in clients]
    await proctor.start()
    await scenario.proctor.incidents.CreateIncident(
        CreateIncidentRequest(
            session_id=scenario.session_id,
            participant_id=participants[0].participant_id,
            category_id="environment.noise",
            severity=INCIDENT_SEVERITY_SERIOUS,
            note="A drill next door.",
        )
    )
    name = scenario.learners[0].name
    async with browser() as opened:
        visitor = await signed_in(stack, opened, scenario.proctor)
        page = visitor.page
        await page.goto(f"/sessions/{scenario.session_id}/report")
        await expect(page.get_by_text("This report is preliminary")).to_be_visible()
        await proctor.end()
        await page.goto(f"/supervise/{scenario.session_id}")
        await page.get_by_role("main").get_by_role("link", name="Report on").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Report: ")
        await expect(page.get_by_text("This report is preliminary")).to_have_count(0)
        summary = page.get_by_role("region", name="Summary")
        await expect(summary).to_contain_text(scenario.proctor.name)
        row = page.get_by_role("region", name="Learners").get_by_role("row").filter(has_text=name)
        await expect(row).to_contain_text("Left, no assessment started")
        await expect(row).to_contain_text("1 serious incident")
        await expect(row).to_contain_text("GMT+1")
        incidents = page.get_by_role("region", name="Incidents (1)")
        await expect(incidents).to_contain_text("A drill next door.")
        assert await violations(page) == []
        await visitor.screenshot("session-report")

        pdf = await download(page, "Download as PDF")
        assert name in " ".join(each.extract_text() for each in PdfReader(pdf).pages)
        text = (await download(page, "Download as CSV")).read_text("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text))
        assert {row["name"] for row in rows} == {each.name for each in scenario.learners}
        assert visitor.errors == []
    for client in clients:
        await client.close()
    await proctor.close()


async def test_learner_has_no_report(stack: Stack, scenario: Scenario) -> None:
    async with browser() as opened:
        visitor = await signed_in(stack, opened, scenario.learners[0])
        await visitor.page.goto(f"/sessions/{scenario.session_id}/report")
        await expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
        await expect(
            visitor.page.get_by_text("It is for proctors and administrators.")
        ).to_be_visible()
        await expect(visitor.page.get_by_role("button", name="Download")).to_have_count(0)


async def signed_in(stack: Stack, opened: Browser, person: Person) -> Visitor:
    """Sign in as a person in a new window."""
    visitor = await Visitor.open(opened, stack.url("edge"), zone="Europe/Berlin")
    await visitor.sign_in(person.email, person.password)
    return visitor


async def download(page: Page, button: str) -> Path:
    """Press a button for download, and return the path of the file."""
    async with page.expect_download() as started:
        await page.get_by_role("button", name=button).click()
    return await (await started.value).path()
