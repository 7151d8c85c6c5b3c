"""Test outages of a learner, the approval of a return, and the undo of an end for one learner on the pages."""

from __future__ import annotations

from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from playwright.async_api import Page, expect

from e2e.clients import LearnerClient
from e2e.console import open_learner, row_of
from e2e.scenario import create_scenario
from e2e.test_browser_answers import exam_room, saved_attempt
from e2e.test_browser_pauses import supervising
from proctorium.assessment.v1.attempts_pb2 import Attempt
from proctorium.session.v1.sessions_pb2 import DisconnectPolicy
from proctorium_devstack.stack import Stack

_LIMIT = Duration(seconds=600)
_ILL = "You felt ill and went home."


async def test_time_of_an_outage_is_given_back(stack: Stack) -> None:
    scenario = await create_scenario(
        stack.address("edge"), disconnect_policy=DisconnectPolicy(returned_limit=_LIMIT)
    )
    async with exam_room(stack, scenario) as (client, learner):
        page, name = learner.page, client.learner.name
        before = await saved_attempt(client)
        staff = await supervising(stack, scenario, learner)
        panel = await open_learner(staff.page, name)
        await lose_connection(client, page)
        await expect(row_of(staff.page, name)).to_contain_text("Disconnected")
        await expect(panel).to_contain_text("Offline since")
        await staff.screenshot("roster-outage")

        await page.goto(f"/attempts/{client.attempt_id}")
        note = page.get_by_text("Your connection was lost for")
        await expect(note).to_contain_text("This time was given back.")
        await expect(page.get_by_label("Your answer")).to_be_visible()
        await learner.screenshot("exam-outage")
        await expect(row_of(staff.page, name)).not_to_contain_text("Disconnected")
        await expect(panel).to_contain_text("Last offline for")
        await expect(panel).to_contain_text("given back after lost connections")
        after = await saved_attempt(client)
        returned = after.returned_time.ToTimedelta()
        assert returned > timedelta()
        assert moved_by(before, after) == returned
        assert learner.errors == staff.errors == []
    await scenario.close()


async def test_learner_waits_after_an_outage_until_a_proctor_lets_them_back_in(
    stack: Stack,
) -> None:
    policy = DisconnectPolicy(
        returned_limit=_LIMIT, requires_approval=True, approval_grace=Duration()
    )
    scenario = await create_scenario(stack.address("edge"), disconnect_policy=policy)
    async with exam_room(stack, scenario) as (client, learner):
        page, name = learner.page, client.learner.name
        before = await saved_attempt(client)
        staff = await supervising(stack, scenario, learner)
        await lose_connection(client, page)
        await expect(row_of(staff.page, name)).to_contain_text("Disconnected")

        await page.goto(f"/attempts/{client.attempt_id}")
        waits = page.get_by_role("alert").filter(has_text="Waiting for your proctor")
        await expect(waits).to_contain_text("Your earlier answers are saved.")
        await expect(page.get_by_text("Clock stopped", exact=True)).to_be_visible()
        await expect(page.get_by_label("Your answer")).to_have_count(0)
        await learner.screenshot("exam-awaiting-return")
        queue = staff.page.get_by_role("region", name="Late entries (1)")
        await expect(queue).to_contain_text("back after a lost connection")
        await staff.screenshot("returns")
        stopped = await saved_attempt(client)
        assert not stopped.HasField("deadline_time")

        await queue.get_by_role("button", name=f"Admit {name}").click()
        await expect(waits).to_have_count(0)
        await expect(page.get_by_label("Your answer")).to_be_visible()
        await expect(page.get_by_text("Clock stopped", exact=True)).to_have_count(0)
        after = await saved_attempt(client)
        # The clock also stood still while the learner waited for the approval.
        assert moved_by(before, after) > after.returned_time.ToTimedelta() > timedelta()
        await page.get_by_label("True").check()
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        assert learner.errors == staff.errors == []
    await scenario.close()


async def test_learner_continues_after_the_end_for_them_is_undone(stack: Stack) -> None:
    scenario = await create_scenario(
        stack.address("edge"), reopen_window=timedelta(minutes=10), named_after_run=True
    )
    async with exam_room(stack, scenario) as (client, learner):
        page, name = learner.page, client.learner.name
        await page.get_by_label("True").check()
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        staff = await supervising(stack, scenario, learner)
        panel = await open_learner(staff.page, name)
        await panel.get_by_role("button", name="End for this learner…").click()
        form = staff.page.get_by_role("form", name=f"End the session for {name}")
        await expect(form).to_contain_text("You can undo this for 10 minutes.")
        await form.get_by_label(f"Why the session ends for {name}").fill(_ILL)
        await form.get_by_role("button", name="End it now").click()
        reason = page.get_by_text(f"The reason: {_ILL}")
        await expect(reason).to_be_visible()
        await expect(panel).to_contain_text("Proctors can undo this until")
        await staff.screenshot("undo-end")

        await panel.get_by_role("button", name=f"Let the learner continue {name}").click()
        await expect(page.get_by_label("True")).to_be_checked()
        await expect(reason).to_have_count(0)
        await expect(panel.get_by_role("button", name="End for this learner…")).to_be_visible()
        await page.get_by_label("False").check()
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        assert learner.errors == staff.errors == []
    await scenario.close()


async def lose_connection(client: LearnerClient, page: Page) -> None:
    """Close all streams of the learner: those of the client, and those of the learner's window."""
    await client.close()
    await page.goto("about:blank")


def moved_by(before: Attempt, after: Attempt) -> timedelta:
    """Return by how much later the deadline of an attempt is."""
    return after.deadline_time.ToDatetime() - before.deadline_time.ToDatetime()
