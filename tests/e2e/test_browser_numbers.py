"""Numbers typed key by key: what stands in the field is what is saved, and what cannot be read is no answer."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from e2e.browsing import Visitor
from e2e.stage import Stage
from e2e.story import LearnerStory
from e2e.test_browser_answers import exam_room, saved_attempt, saved_numbers
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack

_UNREADABLE = ("1 250,5", "1e5", "-", "--3", "0x1F", "1,250.5", "7 apples", "1.250.000")
_TWO_WAYS = (("12,500", "12500", "12.5"), ("1.250", "1250", "1.25"), ("-1,250", "-1250", "-1.25"))


async def test_numbers_are_read_as_they_were_meant(stack: Stack, stage: Stage) -> None:
    async with exam_room(stack, stage) as (story, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        for typed, number in (("−3", "-3"), ("0,125", "0.125"), ("1.0", "1"), ("+7", "7")):
            await retype(page, field, typed)
            await expect(page.get_by_text(f"Read as {number}.")).to_be_visible()
            await expect_saved(story, float(number))
        await learner.picture("number-taken-as")
        await retype(page, field, "0.0000001")
        await expect_saved(story, 1e-7)
        await page.reload()
        await expect(field).to_have_value("0.0000001")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        assert learner.complaints == []


async def test_a_text_that_stops_being_a_number_leaves_no_answer(
    stack: Stack, stage: Stage
) -> None:
    async with exam_room(stack, stage) as (story, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        for typed in _UNREADABLE:
            await retype(page, field, "7")
            await expect_saved(story, 7)
            await retype(page, field, typed)
            await expect(page.get_by_text("This is not a number")).to_be_visible()
            await expect_no_answer(story, learner)
        await submit(page)
        await expect_saved(story)
        assert learner.complaints == []


async def test_a_number_that_can_be_read_in_two_ways_is_asked_about(
    stack: Stack, stage: Stage
) -> None:
    async with exam_room(stack, stage) as (story, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        asked = page.get_by_role("group", name="Which number do you mean?")
        for typed, thousands, decimal in _TWO_WAYS:
            await retype(page, field, typed)
            await expect(asked).to_be_visible()
            await expect_no_answer(story, learner)
            for meant in (thousands, decimal):
                await retype(page, field, typed)
                await asked.get_by_role("button", name=meant, exact=True).click()
                await expect(field).to_have_value(meant)
                await expect(field).to_be_focused()
                await expect_saved(story, float(meant))
        await retype(page, field, "1.250")
        await expect(asked).to_be_visible()
        await learner.picture("number-in-two-ways")
        assert learner.complaints == []


async def test_a_number_typed_quickly_over_another_keeps_its_minus(
    stack: Stack, stage: Stage
) -> None:
    async with exam_room(stack, stage) as (story, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        for number in (3, 8, 1):
            await retype(page, field, "5")
            await expect_saved(story, 5)
            await page.evaluate(_TYPE, ["", "-", f"-{number}"])
            await expect(field).to_have_value(f"-{number}")
            await expect_saved(story, -number)
        assert learner.complaints == []


async def test_choices_ticked_at_once_are_all_kept(stack: Stack, stage: Stage) -> None:
    async with exam_room(stack, stage) as (story, learner):
        page = learner.page
        boxes = page.get_by_role("checkbox")
        await page.evaluate(
            "document.querySelectorAll('input[type=checkbox]').forEach((box) => box.click())"
        )
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        assert all([await box.is_checked() for box in await boxes.all()])
        saved = (await saved_attempt(story)).answers
        assert [len(one.answer.chosen.choice_ids) for one in saved] == [await boxes.count()]
        assert learner.complaints == []


# Each text of a list in the number's field, one right after the other, as fast as keys can come.
_TYPE = """async (texts) => {
  const field = document.querySelector("input[inputmode=decimal]");
  for (const text of texts) {
    const typed = text.slice(-1);
    if (text === "") field.value = "";
    else field.value += typed;
    field.dispatchEvent(new InputEvent("input", { bubbles: true, data: typed }));
    await Promise.resolve();
    await Promise.resolve();
  }
}"""


async def retype(page: Page, field: Locator, text: str) -> None:
    """Replaces what stands in the field, key by key."""
    await field.press("ControlOrMeta+a")
    await page.keyboard.press("Delete")
    await page.keyboard.type(text)


async def expect_no_answer(story: LearnerStory, learner: Visitor) -> None:
    """The field's text is no answer: not on the page, not on the server."""
    page = learner.page
    await expect(page.get_by_text("1 answer cannot be saved")).to_be_visible()
    await expect(page.get_by_text("All answers saved")).to_have_count(0)
    await expect(page.get_by_text("Read as")).to_have_count(0)
    await expect(page.get_by_role("link", name="Question 4, not answered").first).to_be_visible()
    await expect(page.get_by_role("link", name="Question 4, answered")).to_have_count(0)
    await expect_saved(story)


async def submit(page: Page) -> None:
    """Submits although the last question's text cannot be saved."""
    await page.get_by_role("button", name="Submit…").click()
    warning = "What you typed at question 4 cannot be saved and will not be submitted."
    await expect(page.get_by_text(warning)).to_be_visible()
    await page.get_by_role("button", name="Submit now").click()
    await expect(page.get_by_role("link", name="See your result")).to_be_visible()


async def expect_saved(story: LearnerStory, *numbers: float) -> None:
    """The server holds these numbers as answers, and no others."""

    async def holds() -> bool | None:
        return await saved_numbers(story) == list(numbers) or None

    await eventually(holds, f"{numbers} to be saved")
