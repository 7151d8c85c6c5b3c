"""The roster: everybody who is invited, what is true after the end, and several assessments."""

from __future__ import annotations

from playwright.async_api import Locator, expect

from e2e.browsing import Visitor, browser
from e2e.stage import set_stage
from e2e.story import LearnerStory, ProctorStory, right_answer
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.stack import Stack

_LEARNERS = (EdgeChannel,) * 4


async def test_the_roster_tells_the_truth_before_and_after_the_end(stack: Stack) -> None:
    stage = await set_stage(stack.address("edge"), learner_channels=_LEARNERS)
    started, authorised, unverified = (LearnerStory(each, stage) for each in stage.learners[:3])
    absent = stage.learners[3].name
    story = ProctorStory(stage)
    story.watch()
    async with browser() as opened:
        proctor = await Visitor.arrive(opened, stack.url("edge"))
        page = proctor.page
        await proctor.sign_in(stage.proctor.email, stage.proctor.password)
        await page.goto(f"/supervise/{stage.session_id}")
        await expect(page.get_by_role("row").filter(has_text="Not here yet")).to_have_count(4)
        for learner in (started, authorised, unverified):
            await learner.join()
        await expect(page.get_by_text("3 learners joined, 1 is not here; ")).to_be_visible()
        await proctor.picture("roster-absent")
        for learner in (started, authorised):
            await story.verify(await learner.send_evidence())
        await story.start()
        await story.authorize(started, authorised)
        attempt = await started.begin()
        await started.save(attempt.items[0], right_answer(attempt.items[0]))
        await story.end()

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
        await proctor.picture("roster-after-the-end")
        await page.reload()
        await expect(row(started.learner.name)).to_contain_text("Result released")
        await expect(row(absent)).to_contain_text("No-show")
        assert proctor.complaints == []
    for learner in (started, authorised, unverified):
        await learner.close()
    await story.close()
    await stage.close()


async def test_two_assessments_are_told_apart(stack: Stack) -> None:
    stage = await set_stage(stack.address("edge"), further_assessments=["Practical part"])
    learner, story = LearnerStory(stage.learners[0], stage), ProctorStory(stage)
    name = stage.learners[0].name
    await learner.join()
    await story.verify(await learner.send_evidence())
    await story.start()
    async with browser() as opened:
        proctor = await Visitor.arrive(opened, stack.url("edge"))
        page = proctor.page
        await proctor.sign_in(stage.proctor.email, stage.proctor.password)
        await page.goto(f"/supervise/{stage.session_id}")
        for title in ("Examination", "Practical part"):
            for all_or_one in (f"Authorise “{title}” for all", f"Authorise “{title}” for {name}"):
                await expect(page.get_by_role("button", name=all_or_one)).to_have_count(1)
            await expect(page.get_by_role("cell").get_by_text(f"{title}:")).to_be_visible()
        await page.get_by_role("button", name=f"Authorise “Practical part” for {name}").click()
        practical = page.get_by_role("button", name=f"Authorise “Practical part” for {name}")
        await expect(practical).to_have_count(0)
        await expect(page.get_by_role("cell").filter(has_text="Can start")).to_have_count(1)
        examination = page.get_by_role("button", name=f"Authorise “Examination” for {name}")
        await expect(examination).to_have_count(1)
        await proctor.picture("roster-two-assessments")
        assert proctor.complaints == []
    await learner.close()
    await stage.close()


async def test_a_removed_learner_s_result_is_held_until_it_is_released(stack: Stack) -> None:
    stage = await set_stage(stack.address("edge"), learner_channels=_LEARNERS[:1])
    learner, story = LearnerStory(stage.learners[0], stage), ProctorStory(stage)
    name = stage.learners[0].name
    story.watch()
    await learner.join()
    await story.verify(await learner.send_evidence())
    await story.start()
    await story.authorize(learner)
    attempt = await learner.begin()
    await learner.save(attempt.items[0], right_answer(attempt.items[0]))
    async with browser() as opened:
        proctor = await Visitor.arrive(opened, stack.url("edge"))
        page = proctor.page
        await proctor.sign_in(stage.proctor.email, stage.proctor.password)
        await page.goto(f"/supervise/{stage.session_id}")
        await page.get_by_role("button", name=f"Remove… {name}").click()
        remove = page.get_by_role("button", name=f"Remove now {name}")
        await remove.click()
        await expect(page.get_by_label(f"Why {name} is removed")).to_be_focused()
        await page.get_by_label(f"Why {name} is removed").fill("Somebody else was in the room.")
        await proctor.picture("roster-remove")
        await remove.click()
        await expect(page.get_by_text("Submitted, result held")).to_be_visible()
        await expect(page.get_by_role("row").filter(has_text=name)).to_contain_text("Removed")
        await expect(page.get_by_role("button", name="Release the result")).to_have_count(0)
        administrator = await Visitor.arrive(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(stage.administrator.email, stage.administrator.password)
        await page.goto(f"/supervise/{stage.session_id}")
        await expect(page.get_by_role("button", name="Remove…")).to_have_count(0)
        await page.get_by_role("button", name="Release the result…").click()
        await page.get_by_label("Why the result is released").fill("It was a misunderstanding.")
        await administrator.picture("roster-release")
        await page.get_by_role("button", name="Release now").click()
        await expect(page.get_by_text("Result released")).to_be_visible()
        assert [*proctor.complaints, *administrator.complaints] == []
    await learner.close()
    await story.close()
    await stage.close()
