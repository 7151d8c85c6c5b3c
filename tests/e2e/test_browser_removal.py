"""Test, on the pages of the proctor and the learner, that learners are removed and readmitted.

Also test that the session is ended for one learner.
"""

from __future__ import annotations

from playwright.async_api import Route, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.console import open_learner, row_of
from e2e.scenario import Scenario, create_scenario
from e2e.test_browser_answers import exam_room, saved_attempt
from e2e.test_browser_pauses import supervising
from proctorium.session.v1.supervision_pb2 import EndForParticipantsRequest
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.stack import Stack

_PHONE = "A phone rang in the room."
_ILL = "You felt ill and went home."


async def test_removed_learner_reads_the_reason_and_continues_after_the_readmission(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, name = learner.page, client.learner.name
        prompt = (await saved_attempt(client)).items[0].prompt
        await page.get_by_label("True").check()
        proctor = await supervising(stack, scenario, learner)
        panel = await open_learner(proctor.page, name)
        await panel.get_by_role("button", name="Remove…").click()
        form = proctor.page.get_by_role("form", name=f"Remove {name} from the session")
        await form.get_by_label(f"Why {name} is removed").fill(_PHONE)
        await form.get_by_role("button", name="Remove now").click()
        await expect(panel).to_contain_text(f"Removed: {_PHONE}")

        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text(_PHONE)
        await expect(alert).to_contain_text("Your answers are safe")
        await expect(page.get_by_text(prompt)).to_have_count(0)
        await expect(page.get_by_role("button", name="Submit…")).to_have_count(0)
        await learner.screenshot("exam-removed")
        await page.goto(f"/sessions/{scenario.session_id}")
        await expect(page.get_by_role("alert")).to_contain_text(_PHONE, timeout=20_000)
        await learner.screenshot("session-removed")

        await proctor.screenshot("roster-removed")
        await panel.get_by_role("button", name="Readmit").click()
        await expect(panel.get_by_role("button", name="Remove…")).to_be_visible()
        await page.get_by_role("link", name="Continue the assessment").click()
        await expect(page.get_by_text(prompt)).to_be_visible()
        await expect(page.get_by_label("True")).to_be_checked()
        assert learner.errors == proctor.errors == []


async def test_session_is_ended_for_one_learner_with_a_reason(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, name = learner.page, client.learner.name
        await page.get_by_label("True").check()
        await saved_attempt(client)
        proctor = await supervising(stack, scenario, learner)
        panel = await open_learner(proctor.page, name)
        await panel.get_by_role("button", name="End for this learner…").click()
        form = proctor.page.get_by_role("form", name=f"End the session for {name}")
        await form.get_by_label(f"Why the session ends for {name}").fill(_ILL)
        await proctor.screenshot("end-for-learner-form")
        await form.get_by_role("button", name="End it now").click()
        await expect(panel).to_contain_text(f"Ended for this learner: {_ILL}")
        await expect(panel).to_contain_text("Completed")

        submitted = page.get_by_text("The answers that were saved by then were submitted.")
        await expect(submitted).to_be_visible()
        await expect(page.get_by_text(f"The reason: {_ILL}")).to_be_visible()
        await learner.screenshot("exam-ended-for-learner")
        await page.goto(f"/sessions/{scenario.session_id}")
        await expect(page.get_by_role("heading", name="was ended for you")).to_be_visible()
        assert learner.errors == proctor.errors == []


async def test_selected_learners_are_removed_and_readmitted_with_one_request_each(
    stack: Stack,
) -> None:
    scenario = await create_scenario(stack.address("edge"), learner_channels=(EdgeChannel,) * 3)
    clients = [LearnerClient(each, scenario) for each in scenario.learners]
    for client in clients:
        await client.join()
    async with shared_browser() as opened:
        proctor = await Visitor.open(opened, stack.url("edge"))
        page = proctor.page
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
        await page.goto(f"/supervise/{scenario.session_id}")
        for client in clients[:2]:
            await page.get_by_label(f"Select {client.learner.name}").check()
        actions = page.get_by_role("region", name="Selected learners")
        await actions.get_by_role("button", name="Remove…").click()
        form = page.get_by_role("form", name="Remove 2 learners from the session")
        await form.get_by_label("Why the learners are removed").fill(_PHONE)
        await proctor.screenshot("bulk-remove-form")
        await form.get_by_role("button", name="Remove now").click()
        for client in clients[:2]:
            await expect(row_of(page, client.learner.name)).to_contain_text("Removed")
        await expect(row_of(page, clients[2].learner.name)).to_contain_text("Waiting")
        await page.get_by_role("button", name="Undo").click()
        for client in clients[:2]:
            await expect(row_of(page, client.learner.name)).to_contain_text("Waiting")
        assert proctor.errors == []
    for client in clients:
        await client.close()
    await scenario.close()


async def test_refused_removals_are_listed_with_the_learners(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"))
    clients = [LearnerClient(each, scenario) for each in scenario.learners]
    staff = ProctorClient(scenario)
    for client in clients:
        await client.join()
    staff.watch()
    await staff.start()
    async with shared_browser() as opened:
        proctor = await Visitor.open(opened, stack.url("edge"))
        page = proctor.page
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
        await page.goto(f"/supervise/{scenario.session_id}")
        await page.get_by_label("Select all").check()
        actions = page.get_by_role("region", name="Selected learners")
        await actions.get_by_role("button", name="Remove…").click()
        form = page.get_by_role("form", name="Remove 2 learners from the session")
        await form.get_by_label("Why the learners are removed").fill(_PHONE)
        ended, other = clients

        async def end_first(route: Route) -> None:
            await scenario.proctor.supervision.EndForParticipants(
                EndForParticipantsRequest(
                    session_id=scenario.session_id,
                    participant_ids=[ended.participant_id],
                    end_reason=_ILL,
                )
            )
            await route.continue_()

        await page.route("**/RemoveParticipants", end_first)
        await form.get_by_role("button", name="Remove now").click()
        await expect(actions).to_contain_text("Done for 1 of 2 learners.")
        await expect(actions).to_contain_text(f"{ended.learner.name}: The session was ended")
        await expect(row_of(page, other.learner.name)).to_contain_text("Removed")
        await proctor.screenshot("bulk-remove-refused")
        await actions.get_by_role("button", name="Readmit").click()
        await expect(row_of(page, other.learner.name)).to_contain_text("In Session")
        assert proctor.errors == []
    for client in clients:
        await client.close()
    await staff.close()
    await scenario.close()
