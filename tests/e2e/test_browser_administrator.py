"""An administrator in the browser does in a session what its proctors may, and it is recorded so."""

from __future__ import annotations

from playwright.async_api import Page, expect

from e2e.browsing import Visitor, browser
from e2e.stage import Stage, set_stage
from e2e.story import LearnerStory
from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR
from proctorium.session.events.v1.events_pb2 import ParticipantAssessmentAuthorized
from proctorium.session.v1.supervision_pb2 import GetRecordRequest, RecordEntry
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.stack import Stack


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
        await expect(row.get_by_text("May begin")).to_be_visible()
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
