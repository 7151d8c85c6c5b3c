"""Test that proctors read the report of a session in the browser, and download it as PDF and CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from playwright.async_api import Browser, Page, expect
from pypdf import PdfReader

from e2e.axe import violations
from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario, create_scenario
from e2e.test_browser_breaks import policy
from proctorium.session.v1.breaks_pb2 import (
    DecideBreakRequest,
    GrantBreak,
    ListBreaksRequest,
    RequestBreakRequest,
    ReturnFromBreakRequest,
    StartBreakRequest,
)
from proctorium.session.v1.incidents_pb2 import INCIDENT_SEVERITY_SERIOUS, CreateIncidentRequest
from proctorium.session.v1.supervision_pb2 import (
    ReadmitParticipantsRequest,
    RemoveParticipantsRequest,
)
from proctorium_devstack.demo.people import Person
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.waiting import until


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
    async with shared_browser() as opened:
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


async def test_report_shows_breaks_and_removals(stack: Stack) -> None:
    scenario = await create_scenario(
        stack.address("edge"), named_after_run=True, break_policy=policy()
    )
    client, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    try:
        participant = await client.join()
        await proctor.start()
        await overrun_break(scenario)
        await remove_and_readmit(scenario, participant.participant_id)
        await proctor.end()
        async with shared_browser() as opened:
            visitor = await signed_in(stack, opened, scenario.proctor)
            page = visitor.page
            await page.goto(f"/sessions/{scenario.session_id}/report")
            learners = page.get_by_role("region", name="Learners").get_by_role("row")
            row = learners.filter(has_text=client.learner.name)
            await expect(row).to_contain_text("1 break: ")
            await expect(row).to_contain_text("Late from 1 break")
            await expect(row).to_contain_text("Removed: ")
            await expect(row).to_contain_text("Time in the session: ")
            await expect(learners.filter(has_text="Late from")).to_have_count(1)
            assert await violations(page) == []
            await visitor.screenshot("session-report-breaks")
            pdf = await download(page, "Download as PDF")
            assert "(1 late)" in " ".join(each.extract_text() for each in PdfReader(pdf).pages)
            text = (await download(page, "Download as CSV")).read_text("utf-8-sig")
            overruns = {
                each["name"]: each["break_overruns"] for each in csv.DictReader(io.StringIO(text))
            }
            assert overruns == {scenario.learners[0].name: "1", scenario.learners[1].name: "0"}
            assert visitor.errors == []
    finally:
        await client.close()
        await scenario.close()


async def overrun_break(scenario: Scenario) -> None:
    """Take a break of a second, and return after its overrun is recorded."""
    learner, proctor = scenario.learners[0], scenario.proctor
    requested = await learner.breaks.RequestBreak(
        RequestBreakRequest(session_id=scenario.session_id)
    )
    break_id = requested.requested_break.break_id
    grant = GrantBreak(length=Duration(seconds=1))
    await proctor.breaks.DecideBreak(DecideBreakRequest(break_id=break_id, grant=grant))
    await learner.breaks.StartBreak(StartBreakRequest(break_id=break_id))

    async def is_overrun() -> bool:
        listed = await proctor.breaks.ListBreaks(ListBreaksRequest(session_id=scenario.session_id))
        return listed.breaks[0].HasField("overrun_time")

    await until(is_overrun)
    await learner.breaks.ReturnFromBreak(ReturnFromBreakRequest(break_id=break_id))


async def remove_and_readmit(scenario: Scenario, participant_id: str) -> None:
    """Remove a learner and readmit them."""
    supervision = scenario.proctor.supervision
    await supervision.RemoveParticipants(
        RemoveParticipantsRequest(
            session_id=scenario.session_id, participant_ids=[participant_id], removal_reason="Phone"
        )
    )
    await supervision.ReadmitParticipants(
        ReadmitParticipantsRequest(session_id=scenario.session_id, participant_ids=[participant_id])
    )


async def test_learner_has_no_report(stack: Stack, scenario: Scenario) -> None:
    async with shared_browser() as opened:
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
