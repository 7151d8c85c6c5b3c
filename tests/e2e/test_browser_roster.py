"""Test the roster: invited learners, progress, states after the end of the session, and several assessments."""

from __future__ import annotations

from playwright.async_api import Locator, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient, correct_answer
from e2e.console import open_learner, row_of
from e2e.scenario import create_scenario
from proctorium.session.v1.sessions_pb2 import IDENTITY_POLICY_NONE
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.stack import Stack

_LEARNERS = (EdgeChannel,) * 4


async def test_roster_shows_invited_learners_and_final_states(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"), learner_channels=_LEARNERS)
    started, authorised, unverified = (
        LearnerClient(each, scenario) for each in scenario.learners[:3]
    )
    absent = scenario.learners[3].name
    client = ProctorClient(scenario)
    client.watch()
    async with shared_browser() as opened:
        proctor = await Visitor.open(opened, stack.url("edge"))
        page = proctor.page
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
        await page.goto(f"/supervise/{scenario.session_id}")
        await expect(page.get_by_role("row").filter(has_text="Not here yet")).to_have_count(4)
        for learner in (started, authorised, unverified):
            await learner.join()
        await expect(page.get_by_text("3 learners joined, 1 is not here; ")).to_be_visible()
        await proctor.screenshot("roster-absent")
        for learner in (started, authorised):
            await client.verify(await learner.send_evidence())
        await client.start()
        await client.authorize(started, authorised)
        attempt = await started.start()
        await started.save(attempt.items[0], correct_answer(attempt.items[0]))
        await client.end()

        def row(name: str) -> Locator:
            return page.get_by_role("row").filter(has_text=name)

        await expect(row(started.learner.name)).to_contain_text("Completed")
        await expect(row(started.learner.name)).to_contain_text("Result released")
        for learner in (authorised, unverified):
            await expect(row(learner.learner.name)).to_contain_text("Left, no assessment started")
            await expect(row(learner.learner.name)).to_contain_text("Not started")
        await expect(row(absent)).to_contain_text("No-show")
        await expect(page.get_by_text("Can start")).to_have_count(0)
        await expect(page.get_by_text(" saved")).to_have_count(0)
        await proctor.screenshot("roster-after-the-end")
        await page.reload()
        await expect(row(started.learner.name)).to_contain_text("Result released")
        await expect(row(absent)).to_contain_text("No-show")
        assert proctor.errors == []
    for learner in (started, authorised, unverified):
        await learner.close()
    await client.close()
    await scenario.close()


async def test_roster_distinguishes_two_assessments(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"), further_assessments=["Practical part"])
    learner, client = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    name = scenario.learners[0].name
    await learner.join()
    await client.verify(await learner.send_evidence())
    await client.start()
    async with shared_browser() as opened:
        proctor = await Visitor.open(opened, stack.url("edge"))
        page = proctor.page
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
        await page.goto(f"/supervise/{scenario.session_id}")
        panel = await open_learner(page, name)
        for title in ("Examination", "Practical part"):
            for all_or_one in (f"Authorise “{title}” for all", f"Authorise “{title}” for {name}"):
                await expect(page.get_by_role("button", name=all_or_one)).to_have_count(1)
            await expect(page.get_by_role("cell").get_by_text(f"{title}:")).to_be_visible()
        await page.get_by_role("button", name=f"Authorise “Practical part” for {name}").click()
        practical = page.get_by_role("button", name=f"Authorise “Practical part” for {name}")
        await expect(practical).to_have_count(0)
        await expect(panel.get_by_text("Can start")).to_have_count(1)
        await expect(row_of(page, name).get_by_text("Can start")).to_have_count(1)
        examination = page.get_by_role("button", name=f"Authorise “Examination” for {name}")
        await expect(examination).to_have_count(1)
        await proctor.screenshot("roster-two-assessments")
        assert proctor.errors == []
    await learner.close()
    await scenario.close()


async def test_result_of_a_removed_learner_is_held_until_released(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"), learner_channels=_LEARNERS[:1])
    learner, client = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    name = scenario.learners[0].name
    client.watch()
    await learner.join()
    await client.verify(await learner.send_evidence())
    await client.start()
    await client.authorize(learner)
    attempt = await learner.start()
    await learner.save(attempt.items[0], correct_answer(attempt.items[0]))
    async with shared_browser() as opened:
        proctor = await Visitor.open(opened, stack.url("edge"))
        page = proctor.page
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
        await page.goto(f"/supervise/{scenario.session_id}")
        panel = await open_learner(page, name)
        await panel.get_by_role("button", name=f"Remove… {name}").click()
        remove = page.get_by_role("button", name=f"Remove now {name}")
        await remove.click()
        await expect(page.get_by_label(f"Why {name} is removed")).to_be_focused()
        await page.get_by_label(f"Why {name} is removed").fill("Somebody else was in the room.")
        await proctor.screenshot("roster-remove")
        await remove.click()
        await expect(panel.get_by_text("Removed: Somebody else was in the room.")).to_be_visible()
        await panel.get_by_role("button", name=f"End for this learner… {name}").click()
        form = page.get_by_role("form", name=f"End the session for {name}")
        await form.get_by_label("Why the session ends").fill("The rules were broken.")
        await form.get_by_role("button", name="End it now").click()
        await expect(row_of(page, name)).to_contain_text("Submitted, result held")
        await expect(row_of(page, name)).to_contain_text("Removed")
        await expect(panel.get_by_text("Submitted, result held")).to_be_visible()
        await expect(panel.get_by_role("button", name="Readmit")).to_have_count(0)
        await expect(page.get_by_role("button", name="Release the result")).to_have_count(0)
        administrator = await Visitor.open(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.goto(f"/supervise/{scenario.session_id}")
        panel = await open_learner(page, name)
        await expect(panel.get_by_text("Submitted, result held")).to_be_visible()
        await expect(page.get_by_role("button", name="Release the result")).to_have_count(0)
        await expect(panel.get_by_role("button", name="Remove…")).to_have_count(0)
        await client.end()
        await page.get_by_role("button", name="Release the result…").click()
        await page.get_by_label("Why the result is released").fill("It was a misunderstanding.")
        await administrator.screenshot("roster-release")
        await page.get_by_role("button", name="Release now").click()
        await expect(row_of(page, name)).to_contain_text("Result released")
        assert [*proctor.errors, *administrator.errors] == []
    await learner.close()
    await client.close()
    await scenario.close()


async def test_roster_shows_the_progress_through_the_course(stack: Stack) -> None:
    scenario = await create_scenario(
        stack.address("edge"), identity_policy=IDENTITY_POLICY_NONE, learner_channels=_LEARNERS[:2]
    )
    client = ProctorClient(scenario)
    reader, other = (LearnerClient(each, scenario) for each in scenario.learners)
    for each in (reader, other):
        await each.join()
    await client.start()
    async with shared_browser() as opened:
        proctor = await Visitor.open(opened, stack.url("edge"))
        page = proctor.page
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
        await page.goto(f"/supervise/{scenario.session_id}")
        panel = await open_learner(page, reader.learner.name)
        await expect(row_of(page, reader.learner.name)).to_contain_text("0 of 2 steps done")
        learner = await Visitor.open(opened, stack.url("edge"))
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await learner.page.goto(f"/sessions/{scenario.session_id}")
        await learner.page.get_by_role("button", name="Open Before you begin").click()
        await expect(row_of(page, reader.learner.name)).to_contain_text("1 of 2 steps done")
        progress = panel.get_by_role("progressbar", name="1 of 2 steps done")
        await expect(progress).to_have_js_property("position", 0.5)
        await expect(row_of(page, other.learner.name)).to_contain_text("0 of 2 steps done")
        rows = page.get_by_role("rowheader")
        for first in (other, reader):  # ascending, then descending
            await page.get_by_role("button", name="Course").click()
            await expect(rows.first).to_contain_text(first.learner.name)
        await proctor.screenshot("roster-course")
        await panel.get_by_role("button", name="Back to the session").click()
        await page.set_viewport_size({"width": 390, "height": 800})
        steps = row_of(page, reader.learner.name).get_by_text("1 of 2 steps done")
        await steps.scroll_into_view_if_needed()
        await expect(steps).to_be_in_viewport(ratio=1)
        assert [*proctor.errors, *learner.errors] == []
    for each in (reader, other):
        await each.close()
    await client.close()
    await scenario.close()
