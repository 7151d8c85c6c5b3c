"""Numbers as people write them: read as they were meant, or not taken for an answer."""

from __future__ import annotations

from playwright.async_api import expect

from e2e.stage import Stage
from e2e.test_browser_answers import exam_room, saved_numbers
from proctorium_devstack.stack import Stack


async def test_a_number_is_read_in_one_way_only(stack: Stack, stage: Stage) -> None:
    async with exam_room(stack, stage) as (story, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        saved = page.get_by_text("All answers saved")
        for typed, number in (("\u22123", "-3"), ("0,125", "0.125"), ("1.000", "1"), ("+7", "7")):
            await field.fill(typed)
            await expect(page.get_by_text(f"Taken as {number}.")).to_be_visible()
            await expect(saved).to_be_visible()
            assert await saved_numbers(story) == [float(number)]
        await learner.picture("number-taken-as")
        for typed in ("1,000", "0x1F", "1e3", "1,000.5", "1 000", "Infinity", "--3"):
            await field.fill(typed)
            await expect(page.get_by_text("Saved is 7.")).to_be_visible()
            await expect(page.get_by_text("1 answer cannot be saved")).to_be_visible()
            await expect(page.get_by_text("Taken as")).to_have_count(0)
        await field.fill("1,000")
        await expect(page.get_by_text("Write 1000 or 1.0.")).to_be_visible()
        await learner.picture("number-in-two-ways")
        assert await saved_numbers(story) == [7]
        await field.fill("0.0000001")
        await expect(saved).to_be_visible()
        await page.reload()
        await expect(field).to_have_value("1e-7")
        await expect(saved).to_be_visible()
        assert learner.complaints == []
