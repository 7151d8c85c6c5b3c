"""An administrator in the browser does in a session what its proctors may, and it is recorded so."""

from __future__ import annotations

from playwright.async_api import Page, Route, expect

from e2e.browsing import Visitor, browser
from e2e.grpc_web import answered, framed, unframed
from e2e.stage import Stage, set_stage
from e2e.story import LearnerStory, ProctorStory
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


async def test_an_administrator_checks_an_identity_and_authorises(stack: Stack) -> None:
    stage = await set_stage(stack.address("edge"), learner_channels=(EdgeChannel,) * 2)
    learner, other = (LearnerStory(each, stage) for each in stage.learners)
    name, administrator_id = learner.learner.name, stage.administrator.person_id
    await learner.join()
    await learner.send_evidence()
    await other.join()
    async with browser() as opened:
        administrator = await Visitor.arrive(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(stage.administrator.email, stage.administrator.password)
        await page.goto(f"/supervise/{stage.session_id}")
        await expect(page.get_by_text("recorded as done by an administrator")).to_be_visible()
        await check_identity(page, name)
        await page.get_by_role("button", name="Start the session (2 waiting)…").click()
        await page.get_by_role("button", name="Start the session now").click()
        await expect(page.get_by_text("In progress", exact=True)).to_be_visible()
        await page.get_by_role("button", name=f"Authorise “Examination” for {name}").click()
        row = page.get_by_role("row").filter(has_text=name)
        await expect(row.get_by_text("Can start")).to_be_visible()
        await administrator.picture("administrator-roster")
        await page.get_by_role("button", name=f"Remove… {other.learner.name}").click()
        await page.get_by_label(f"Why {other.learner.name} is removed").fill("A phone was used.")
        await page.get_by_role("button", name=f"Remove now {other.learner.name}").click()
        removed = page.get_by_role("row").filter(has_text=other.learner.name)
        await expect(removed).to_contain_text("Removed")
        assert administrator.complaints == []
    done = {
        entry.event: entry
        for entry in await record_of(stage)
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
    await stage.close()


async def check_identity(page: Page, name: str) -> None:
    """Look at the images of a learner and verify their identity."""
    await page.get_by_role("button", name=f"Check identity of {name}").click()
    dialog = page.get_by_role("dialog")
    for image in ("Identity document", "Selfie"):
        await expect(dialog.get_by_role("img", name=image)).to_be_visible()
    await dialog.get_by_role("button", name="Verify").click()
    await expect(page.get_by_role("table").get_by_text("Verified")).to_be_visible()


async def record_of(stage: Stage) -> list[RecordEntry]:
    """Return the session's record."""
    request = GetRecordRequest(session_id=stage.session_id)
    return list((await stage.administrator.record.GetRecord(request)).entries)


async def test_an_administrator_sees_who_looked_at_pictures_and_record(stack: Stack) -> None:
    stage = await set_stage(stack.address("edge"), learner_channels=(EdgeChannel,))
    learner = LearnerStory(stage.learners[0], stage)
    name = learner.learner.name
    story = ProctorStory(stage)
    await learner.join()
    await story.verify(await learner.send_evidence())
    await stage.proctor.record.GetRecord(GetRecordRequest(session_id=stage.session_id))
    async with browser() as opened:
        administrator = await Visitor.arrive(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(stage.administrator.email, stage.administrator.password)
        await page.goto(f"/supervise/{stage.session_id}")
        await page.get_by_role("link", name="Access log: photos and session record").click()
        for kind in ("Identity document", "Selfie"):
            row = page.get_by_role("table", name="Photos and registration").get_by_role("row")
            seen = row.filter(has_text=kind)
            await expect(seen).to_contain_text(stage.proctor.name)
            await expect(seen).to_contain_text("Proctor of the session")
            await expect(seen).to_contain_text(name)
        read = page.get_by_role("table", name="Session record").get_by_role("row")
        await expect(read.filter(has_text=stage.proctor.name)).to_have_count(1)
        await administrator.picture("administrator-accesses")
        assert administrator.complaints == []
        proctor = await Visitor.arrive(opened, stack.url("edge"))
        page = proctor.page
        await proctor.sign_in(stage.proctor.email, stage.proctor.password)
        await page.goto(f"/supervise/{stage.session_id}")
        await expect(page.get_by_text("Lobby open", exact=True)).to_be_visible()
        await expect(page.get_by_role("link", name="Access log")).to_have_count(0)
        await page.goto(f"/supervise/{stage.session_id}/accesses")
        await expect(page.get_by_text("It is for administrators")).to_be_visible()
        assert proctor.complaints == []
    await learner.close()
    await story.close()
    await stage.close()


async def test_older_accesses_are_shown_a_page_at_a_time(stack: Stack) -> None:
    stage = await set_stage(stack.address("edge"), learner_channels=(EdgeChannel,))
    learner = LearnerStory(stage.learners[0], stage)
    await learner.join()
    case = await learner.send_evidence()
    for _ in range(2 * _ONE_PAGE + 1):
        await stage.proctor.identity.GetRegistration(GetRegistrationRequest(case_id=case.case_id))
    async with browser() as opened:
        administrator = await Visitor.arrive(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(stage.administrator.email, stage.administrator.password)
        await page.goto(f"/supervise/{stage.session_id}/accesses")
        table = page.get_by_role("table", name="Photos and registration")
        rows = table.get_by_role("row").filter(has_text="Registration data")
        older = page.get_by_role("button", name="Show older in “Photos and registration”")
        await expect(rows).to_have_count(_ONE_PAGE)
        await page.route(_ACCESSES, ask_for_no_page, times=1)
        await older.click()
        refused = page.locator("[data-reason=INVALID_PAGE_TOKEN]")
        await expect(refused).to_be_visible()
        await expect(rows).to_have_count(_ONE_PAGE)
        await older.click()
        await expect(rows).to_have_count(2 * _ONE_PAGE)
        await expect(refused).to_have_count(0)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await older.click()
        await expect(rows).to_have_count(2 * _ONE_PAGE + 1)
        await expect(older).to_have_count(0)
        assert len([url for url in asked if url.endswith("ListEvidenceAccesses")]) == 1
        assert administrator.complaints == []
    await learner.close()
    await stage.close()


async def ask_for_no_page(route: Route) -> None:
    """Sends a page token that nobody has made."""
    body = route.request.post_data_buffer
    assert body is not None
    request = unframed(body, ListEvidenceAccessesRequest)
    request.page_token = "nonsense"
    await route.continue_(post_data=framed(request.SerializeToString()))


async def test_a_person_whose_name_nobody_knows_is_said_to_be_unknown(stack: Stack) -> None:
    stage = await set_stage(stack.address("edge"), learner_channels=(EdgeChannel,))
    learner = LearnerStory(stage.learners[0], stage)
    await learner.join()
    await ProctorStory(stage).verify(await learner.send_evidence())
    async with browser() as opened:
        administrator = await Visitor.arrive(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(stage.administrator.email, stage.administrator.password)
        await page.route(_NAMES, answer_no_names)
        await page.goto(f"/supervise/{stage.session_id}/accesses")
        row = page.get_by_role("row").filter(has_text="Selfie")
        await expect(row.get_by_text("Unknown person")).to_have_count(2)
        assert administrator.complaints == []
    await learner.close()
    await stage.close()


async def answer_no_names(route: Route) -> None:
    """Nobody who was asked for is known."""
    await route.fulfill(
        body=answered(BatchGetNamesResponse()), content_type="application/grpc-web+proto"
    )
