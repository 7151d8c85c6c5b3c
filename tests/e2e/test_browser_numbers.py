"""Test numbers that are typed key by key: a number is saved, and text that is not a number counts as no answer."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from e2e.browsing import Visitor
from e2e.clients import LearnerClient
from e2e.scenario import Scenario
from e2e.test_browser_answers import exam_room, saved_attempt, saved_numbers
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack

_UNREADABLE = ("1 250,5", "1e5", "-", "--3", "0x1F", "1,250.5", "7 apples", "1.250.000")
_TWO_WAYS = (("12,500", "12500", "12.5"), ("1.250", "1250", "1.25"), ("-1,250", "-1250", "-1.25"))


async def test_number_formats_are_normalised(stack: Stack, scenario: Scenario) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        for typed, number in (("−3", "-3"), ("0,125", "0.125"), ("1.0", "1"), ("+7", "7")):
            await retype(page, field, typed)
            await expect(page.get_by_text(f"Read as {number}.")).to_be_visible()
            await expect_saved(client, float(number))
        await learner.screenshot("number-read-as")
        await retype(page, field, "0.0000001")
        await expect_saved(client, 1e-7)
        await page.reload()
        await expect(field).to_have_value("0.0000001")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        assert learner.errors == []


async def test_text_that_is_not_a_number_removes_the_answer(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        for typed in _UNREADABLE:
            await retype(page, field, "7")
            await expect_saved(client, 7)
            await retype(page, field, typed)
            await expect(page.get_by_text("This is not a number")).to_be_visible()
            await expect_no_answer(client, learner)
        await submit(page)
        await expect_saved(client)
        assert learner.errors == []


async def test_ambiguous_number_requires_a_choice(stack: Stack, scenario: Scenario) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        question = page.get_by_role("group", name="Which number do you mean?")
        for typed, thousands, decimal in _TWO_WAYS:
            await retype(page, field, typed)
            await expect(question).to_be_visible()
            await expect_no_answer(client, learner)
            for meant in (thousands, decimal):
                await retype(page, field, typed)
                await question.get_by_role("button", name=meant, exact=True).click()
                await expect(field).to_have_value(meant)
                await expect(field).to_be_focused()
                await expect_saved(client, float(meant))
        await retype(page, field, "1.250")
        await expect(question).to_be_visible()
        await learner.screenshot("number-in-two-ways")
        assert learner.errors == []


async def test_quickly_typed_negative_number_is_saved(stack: Stack, scenario: Scenario) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page, field = learner.page, learner.page.get_by_label("Your answer")
        for number in (3, 8, 1):
            await retype(page, field, "5")
            await expect_saved(client, 5)
            await page.evaluate(_TYPE, ["", "-", f"-{number}"])
            await expect(field).to_have_value(f"-{number}")
            await expect_saved(client, -number)
        assert learner.errors == []


async def test_choices_checked_at_once_are_all_saved(stack: Stack, scenario: Scenario) -> None:
    async with exam_room(stack, scenario) as (client, learner):
        page = learner.page
        boxes = page.get_by_role("checkbox")
        await page.evaluate(
            "document.querySelectorAll('input[type=checkbox]').forEach((box) => box.click())"
        )
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        assert all([await box.is_checked() for box in await boxes.all()])
        saved = (await saved_attempt(client)).answers
        assert [len(one.answer.chosen.choice_ids) for one in saved] == [await boxes.count()]
        assert learner.errors == []


# Sets the number field to one text of a list after the other, without pauses, as if the last character was just typed.
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
    """Delete the text of the field, and type another text key by key."""
    await field.press("ControlOrMeta+a")
    await page.keyboard.press("Delete")
    await page.keyboard.type(text)


async def expect_no_answer(client: LearnerClient, learner: Visitor) -> None:
    """Check that the page shows the question as not answered, and that the server has no answer."""
    page = learner.page
    await expect(page.get_by_text("1 answer cannot be saved")).to_be_visible()
    await expect(page.get_by_text("All answers saved")).to_have_count(0)
    await expect(page.get_by_text("Read as")).to_have_count(0)
    await expect(page.get_by_role("link", name="Question 4, not answered").first).to_be_visible()
    await expect(page.get_by_role("link", name="Question 4, answered")).to_have_count(0)
    await expect_saved(client)


async def submit(page: Page) -> None:
    """Submit the attempt, although the text at question 4 is not a number and therefore cannot be saved."""
    await page.get_by_role("button", name="Submit…").click()
    warning = "What you typed at question 4 cannot be saved and will not be submitted."
    await expect(page.get_by_text(warning)).to_be_visible()
    await page.get_by_role("button", name="Submit now").click()
    await expect(page.get_by_text("Submitted on")).to_be_visible()


async def expect_saved(client: LearnerClient, *numbers: float) -> None:
    """Check that the saved answers on the server are exactly these numbers."""

    async def saved() -> bool | None:
        return await saved_numbers(client) == list(numbers) or None

    await eventually(saved, f"{numbers} to be saved")
