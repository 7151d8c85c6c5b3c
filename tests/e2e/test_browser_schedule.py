"""Test the validation in the form that schedules a session."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from playwright.async_api import Route, expect

from e2e.browsing import Visitor, shared_browser
from e2e.scenario import Scenario
from proctorium.session.v1.sessions_pb2 import ScheduleSessionRequest
from proctorium_devstack.stack import Stack


async def test_invalid_time_is_marked_at_its_field(stack: Stack, scenario: Scenario) -> None:
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.goto("/schedule")
        planned: list[str] = []
        page.on("request", lambda request: planned.append(request.url))
        start = page.get_by_label("Start", exact=True)
        button = page.get_by_role("button", name="Schedule", exact=True)
        await start.fill("20266-01-01T09:00")
        await button.click()
        assert await start.evaluate("field => field.validity.rangeOverflow")
        # Simulate a browser that does not support date and time fields.
        await start.evaluate("field => { field.type = 'text'; }")
        await start.fill("20266-01-01T09:00")
        await button.click()
        await expect(page.get_by_text("This is not a day and time")).to_be_visible()
        await expect(start).to_have_attribute("aria-invalid", "true")
        await administrator.screenshot("schedule-invalid-time")
        assert [url for url in planned if "ScheduleSession" in url] == []
        assert administrator.errors == []


async def test_missing_proctor_is_marked_at_its_field(stack: Stack, scenario: Scenario) -> None:
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.goto("/schedule")
        await page.get_by_label("Start", exact=True).fill("2030-03-01T09:00")
        await page.get_by_role("button", name="Schedule", exact=True).click()
        proctors = page.get_by_role("group", name="Proctors")
        await expect(proctors.get_by_text("Choose at least one.")).to_be_visible()
        await expect(proctors).to_be_focused()
        note = page.locator("[data-reason=INVALID_REQUEST]")
        await expect(note).to_contain_text("Please correct the marked fields.")
        for words in ("proctor_ids", "item(s)", "The request"):
            await expect(page.get_by_text(words)).to_have_count(0)
        await administrator.screenshot("schedule-no-proctor")
        assert administrator.errors == []


async def test_violations_found_by_the_service_are_marked_at_their_fields(
    stack: Stack, scenario: Scenario
) -> None:
    """Check four rules that only the service checks: certification, start in the past, conflicts, and capacity."""
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"), zone="UTC")
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.goto("/schedule")
        await page.get_by_label("Course").select_option(scenario.course_id)
        start = page.get_by_label("Start", exact=True)
        button = page.get_by_role("button", name="Schedule", exact=True)
        proctors = page.get_by_role("group", name="Proctors")
        await proctors.get_by_label(scenario.proctor.email).check()

        # The form offers a proctor who is certified for one year, although the session starts in more than one year.
        now = datetime.now(UTC)
        await start.fill(f"{now + timedelta(days=500):%Y-%m-%dT%H:%M}")
        await button.click()
        lapses = proctors.get_by_text(f"{scenario.proctor.name} is certified until")
        await expect(lapses).to_contain_text("and the session starts later.")
        await expect(lapses).to_contain_text(str((now + timedelta(days=365)).year))
        await expect(proctors).to_be_focused()
        await administrator.screenshot("schedule-certification-lapses")

        await start.fill(f"{now - timedelta(days=2):%Y-%m-%dT%H:%M}")
        await button.click()
        await expect(page.get_by_text("The session would start in the past.")).to_be_visible()
        await expect(start).to_have_attribute("aria-invalid", "true")
        await expect(start).to_be_focused()
        await expect(lapses).to_have_count(0)

        await start.fill(f"{now + timedelta(days=2):%Y-%m-%dT%H:%M}")
        seats = page.get_by_label("Seats")
        await seats.fill("1")
        await button.click()
        await expect(
            page.get_by_text("More learners are invited (2) than the session has seats (1).")
        ).to_be_visible()
        await expect(seats).to_have_attribute("aria-invalid", "true")

        await seats.fill("30")
        await start.fill(f"{now + timedelta(minutes=20):%Y-%m-%dT%H:%M}")
        await button.click()
        overlaps = f"{scenario.proctor.name}: This proctor has another session at that time."
        await expect(proctors.get_by_text(overlaps)).to_be_visible()
        assert administrator.errors == []


async def test_skipped_time_is_refused_and_repeated_time_requires_a_choice(
    stack: Stack, scenario: Scenario
) -> None:
    planned: asyncio.Queue[datetime] = asyncio.Queue()

    async def record(route: Route) -> None:
        # Skip the header of the gRPC-Web frame, which has five bytes. The rest is the message.
        request = ScheduleSessionRequest.FromString((route.request.post_data_buffer or b"")[5:])
        planned.put_nowait(request.plan.start_time.ToDatetime(UTC))
        await route.abort()

    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"), zone="Europe/Berlin")
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.route("**/proctorium.session.v1.SessionService/ScheduleSession", record)
        await page.goto("/schedule")
        start = page.get_by_label("Start", exact=True)
        button = page.get_by_role("button", name="Schedule", exact=True)
        await start.fill("2030-03-31T02:30")
        skipped = page.get_by_text("This time does not exist in Europe/Berlin")
        await expect(skipped).to_be_visible()
        await button.click()
        await expect(start).to_have_attribute("aria-invalid", "true")
        await administrator.screenshot("schedule-skipped-time")

        await start.fill("2030-10-27T02:30")
        await expect(skipped).to_have_count(0)
        which = page.get_by_role("group", name="The clocks are put back then")
        await button.click()
        assert await which.get_by_role("radio").first.evaluate("one => one.validity.valueMissing")
        assert planned.empty()
        await administrator.screenshot("schedule-repeated-time")
        for choice, hour in (("The first, ", 0), ("The second, ", 1)):
            await which.get_by_label(choice).check()
            await button.click()
            scheduled = await asyncio.wait_for(planned.get(), 10)
            assert scheduled == datetime(2030, 10, 27, hour, 30, tzinfo=UTC)
            await expect(button).to_be_enabled()
        await start.fill("2030-10-27T03:30")
        await expect(which).to_have_count(0)
        await button.click()
        scheduled = await asyncio.wait_for(planned.get(), 10)
        assert scheduled == datetime(2030, 10, 27, 2, 30, tzinfo=UTC)
        assert [each for each in administrator.errors if "ERR_FAILED" not in each] == []
