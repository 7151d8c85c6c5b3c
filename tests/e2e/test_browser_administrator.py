"""Test that an administrator can supervise a session in the browser, and that the acting role is recorded."""

from __future__ import annotations

from playwright.async_api import Page, Route, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.console import open_learner
from e2e.grpc_web import frame_message, response_body, unframe_message
from e2e.scenario import Scenario, create_scenario
from proctorium.enrollment.v1.people_pb2 import BatchGetNamesResponse
from proctorium.identity.v1.verification_pb2 import (
    GetRegistrationRequest,
    ListEvidenceAccessesRequest,
)
from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR
from proctorium.session.events.v1.events_pb2 import ParticipantAssessmentAuthorized
from proctorium.session.v1.supervision_pb2 import GetRecordRequest, RecordEntry
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.stack import Stack

_ACCESSES = "**/proctorium.identity.v1.VerificationService/ListEvidenceAccesses"
_NAMES = "**/proctorium.enrollment.v1.PersonService/BatchGetNames"
_ONE_PAGE = 50


async def test_administrator_verifies_an_identity_and_authorises(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"), learner_channels=(EdgeChannel,) * 2)
    learner, other = (LearnerClient(each, scenario) for each in scenario.learners)
    name, administrator_id = learner.learner.name, scenario.administrator.person_id
    await learner.join()
    await learner.send_evidence()
    await other.join()
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.goto(f"/supervise/{scenario.session_id}")
        await expect(page.get_by_text("recorded as those of an administrator")).to_be_visible()
        await check_identity(page, name)
        await page.get_by_role("button", name="Start the session (2 waiting)…").click()
        await page.get_by_role("button", name="Start the session now").click()
        await expect(page.get_by_text("In progress", exact=True)).to_be_visible()
        await page.get_by_role("button", name=f"Authorise “Examination” for {name}").click()
        row = page.get_by_role("row").filter(has_text=name)
        await expect(row.get_by_text("Can start")).to_be_visible()
        await administrator.screenshot("administrator-roster")
        panel = await open_learner(page, other.learner.name)
        await panel.get_by_role("button", name="Remove…").click()
        await page.get_by_label(f"Why {other.learner.name} is removed").fill("A phone was used.")
        await page.get_by_role("button", name=f"Remove now {other.learner.name}").click()
        removed = page.get_by_role("row").filter(has_text=other.learner.name)
        await expect(removed).to_contain_text("Removed")
        assert administrator.errors == []
    done = {
        entry.event: entry
        for entry in await record_of(scenario)
        if entry.actor == administrator_id and entry.participant_id
    }
    assert sorted(done) == [
        "case.verified",
        "participant.assessment-authorized",
        "participant.removed",
    ]
    body = done["participant.assessment-authorized"].body
    authorised = ParticipantAssessmentAuthorized.FromString(body)
    assert authorised.acting_role == ROLE_ADMINISTRATOR
    for each in (learner, other):
        await each.close()
    await scenario.close()


async def check_identity(page: Page, name: str) -> None:
    """View the images of the learner `name`, and verify the learner's identity."""
    panel = await open_learner(page, name)
    await panel.get_by_role("button", name=f"Check identity of {name}").click()
    dialog = page.get_by_role("dialog")
    for image in ("Identity document", "Selfie"):
        await expect(dialog.get_by_role("img", name=image)).to_be_visible()
    await dialog.get_by_role("button", name="Verify").click()
    await expect(panel.get_by_text("Verified")).to_be_visible()


async def record_of(scenario: Scenario) -> list[RecordEntry]:
    """Return the entries of the session record."""
    request = GetRecordRequest(session_id=scenario.session_id)
    return list((await scenario.administrator.record.GetRecord(request)).entries)


async def test_access_log_shows_who_viewed_evidence_and_session_record(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"), learner_channels=(EdgeChannel,))
    learner = LearnerClient(scenario.learners[0], scenario)
    name = learner.learner.name
    client = ProctorClient(scenario)
    await learner.join()
    await client.verify(await learner.send_evidence())
    await scenario.proctor.record.GetRecord(GetRecordRequest(session_id=scenario.session_id))
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.goto(f"/supervise/{scenario.session_id}")
        await page.get_by_role("link", name="Access log: photos and session record").click()
        for kind in ("Identity document", "Selfie"):
            row = page.get_by_role("table", name="Photos and registration").get_by_role("row")
            seen = row.filter(has_text=kind)
            await expect(seen).to_contain_text(scenario.proctor.name)
            await expect(seen).to_contain_text("Proctor of the session")
            await expect(seen).to_contain_text(name)
        read = page.get_by_role("table", name="Session record").get_by_role("row")
        await expect(read.filter(has_text=scenario.proctor.name)).to_have_count(1)
        await administrator.screenshot("administrator-accesses")
        assert administrator.errors == []
        proctor = await Visitor.open(opened, stack.url("edge"))
        page = proctor.page
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
        await page.goto(f"/supervise/{scenario.session_id}")
        await expect(page.get_by_text("Lobby open", exact=True)).to_be_visible()
        await expect(page.get_by_role("link", name="Access log")).to_have_count(0)
        await page.goto(f"/supervise/{scenario.session_id}/accesses")
        await expect(page.get_by_text("It is for administrators")).to_be_visible()
        assert proctor.errors == []
    await learner.close()
    await client.close()
    await scenario.close()


async def test_access_log_is_paged(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"), learner_channels=(EdgeChannel,))
    learner = LearnerClient(scenario.learners[0], scenario)
    await learner.join()
    case = await learner.send_evidence()
    for _ in range(2 * _ONE_PAGE + 1):
        await scenario.proctor.identity.GetRegistration(
            GetRegistrationRequest(case_id=case.case_id)
        )
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.goto(f"/supervise/{scenario.session_id}/accesses")
        table = page.get_by_role("table", name="Photos and registration")
        rows = table.get_by_role("row").filter(has_text="Registration data")
        older = page.get_by_role("button", name="Show older in “Photos and registration”")
        await expect(rows).to_have_count(_ONE_PAGE)
        await page.route(_ACCESSES, send_invalid_page_token, times=1)
        await older.click()
        refused = page.locator("[data-reason=INVALID_PAGE_TOKEN]")
        await expect(refused).to_be_visible()
        await expect(rows).to_have_count(_ONE_PAGE)
        await older.click()
        await expect(rows).to_have_count(2 * _ONE_PAGE)
        await expect(refused).to_have_count(0)
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        await older.click()
        await expect(rows).to_have_count(2 * _ONE_PAGE + 1)
        await expect(older).to_have_count(0)
        assert len([url for url in requested if url.endswith("ListEvidenceAccesses")]) == 1
        assert administrator.errors == []
    await learner.close()
    await scenario.close()


async def send_invalid_page_token(route: Route) -> None:
    """Replace the page token in a request with an invalid token."""
    body = route.request.post_data_buffer
    assert body is not None
    request = unframe_message(body, ListEvidenceAccessesRequest)
    request.page_token = "nonsense"
    await route.continue_(post_data=frame_message(request.SerializeToString()))


async def test_access_log_shows_people_without_a_name_as_unknown(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"), learner_channels=(EdgeChannel,))
    learner = LearnerClient(scenario.learners[0], scenario)
    await learner.join()
    await ProctorClient(scenario).verify(await learner.send_evidence())
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.route(_NAMES, return_no_names)
        await page.goto(f"/supervise/{scenario.session_id}/accesses")
        row = page.get_by_role("row").filter(has_text="Selfie")
        await expect(row.get_by_text("Unknown person")).to_have_count(2)
        assert administrator.errors == []
    await learner.close()
    await scenario.close()


async def return_no_names(route: Route) -> None:
    """Respond to the request with a response that contains no names."""
    await route.fulfill(
        body=response_body(BatchGetNamesResponse()), content_type="application/grpc-web+proto"
    )
