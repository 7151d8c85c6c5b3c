"""What the form that plans a session lets nobody plan."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from playwright.async_api import Route, expect

from e2e.browsing import Visitor, browser
from e2e.stage import Stage
from proctorium.session.v1.sessions_pb2 import ScheduleSessionRequest
from proctorium_devstack.stack import Stack


async def test_a_time_that_is_none_is_refused_at_its_field(stack: Stack, stage: Stage) -> None:
    async with browser() as opened:
        administrator = await Visitor.arrive(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(stage.administrator.email, stage.administrator.password)
        await page.goto("/schedule")
        planned: list[str] = []
        page.on("request", lambda request: planned.append(request.url))
        start = page.get_by_label("Start", exact=True)
        button = page.get_by_role("button", name="Schedule", exact=True)
        await start.fill("20266-01-01T09:00")
        await button.click()
        assert await start.evaluate("field => field.validity.rangeOverflow")
        # As browsers show it that know no such fields.
        await start.evaluate("field => { field.type = 'text'; }")
        await start.fill("20266-01-01T09:00")
        await button.click()
        await expect(page.get_by_text("This is not a day and time")).to_be_visible()
        await expect(start).to_have_attribute("aria-invalid", "true")
        await administrator.picture("schedule-no-such-time")
        assert [url for url in planned if "ScheduleSession" in url] == []
        assert administrator.complaints == []


async def test_a_refused_field_says_so_beside_its_label(stack: Stack, stage: Stage) -> None:
    async with browser() as opened:
        administrator = await Visitor.arrive(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(stage.administrator.email, stage.administrator.password)
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
        await administrator.picture("schedule-no-proctor")
        assert administrator.complaints == []


async def test_what_a_plan_cannot_keep_to_is_said_at_its_field(stack: Stack, stage: Stage) -> None:
    """Errors that only the service can find: certifications, the time, other sessions, the capacity."""
    async with browser() as opened:
        administrator = await Visitor.arrive(opened, stack.url("edge"), zone="UTC")
        page = administrator.page
        await administrator.sign_in(stage.administrator.email, stage.administrator.password)
        await page.goto("/schedule")
        await page.get_by_label("Course").select_option(stage.course_id)
        start = page.get_by_label("Start", exact=True)
        button = page.get_by_role("button", name="Schedule", exact=True)
        proctors = page.get_by_role("group", name="Proctors")
        await proctors.get_by_label(stage.proctor.email).check()

        # The proctor is certified for a year, which the page shows as certified.
        now = datetime.now(UTC)
        await start.fill(f"{now + timedelta(days=500):%Y-%m-%dT%H:%M}")
        await button.click()
        lapses = proctors.get_by_text(f"{stage.proctor.name} is certified until")
        await expect(lapses).to_contain_text("and the session starts later.")
        await expect(lapses).to_contain_text(str((now + timedelta(days=365)).year))
        await expect(proctors).to_be_focused()
        await administrator.picture("schedule-certification-lapses")

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
        overlaps = f"{stage.proctor.name}: This proctor has another session at that time."
        await expect(proctors.get_by_text(overlaps)).to_be_visible()
        assert administrator.complaints == []


async def test_a_time_that_clocks_skip_or_show_twice_is_asked_about(
    stack: Stack, stage: Stage
) -> None:
    planned: asyncio.Queue[datetime] = asyncio.Queue()

    async def keep(route: Route) -> None:
        # A message as gRPC-Web frames it: five bytes, then the message.
        request = ScheduleSessionRequest.FromString((route.request.post_data_buffer or b"")[5:])
        planned.put_nowait(request.plan.start_time.ToDatetime(UTC))
        await route.abort()

    async with browser() as opened:
        administrator = await Visitor.arrive(opened, stack.url("edge"), zone="Europe/Berlin")
        page = administrator.page
        await administrator.sign_in(stage.administrator.email, stage.administrator.password)
        await page.route("**/proctorium.session.v1.SessionService/ScheduleSession", keep)
        await page.goto("/schedule")
        start = page.get_by_label("Start", exact=True)
        button = page.get_by_role("button", name="Schedule", exact=True)
        await start.fill("2030-03-31T02:30")
        skipped = page.get_by_text("This time does not exist in Europe/Berlin")
        await expect(skipped).to_be_visible()
        await button.click()
        await expect(start).to_have_attribute("aria-invalid", "true")
        await administrator.picture("schedule-skipped-time")

        await start.fill("2030-10-27T02:30")
        await expect(skipped).to_have_count(0)
        which = page.get_by_role("group", name="The clocks are put back then")
        await button.click()
        assert await which.get_by_role("radio").first.evaluate("one => one.validity.valueMissing")
        assert planned.empty()
        await administrator.picture("schedule-time-that-comes-twice")
        for choice, hour in (("The first, ", 0), ("The second, ", 1)):
            await which.get_by_label(choice).check()
            await button.click()
            told = await asyncio.wait_for(planned.get(), 10)
            assert told == datetime(2030, 10, 27, hour, 30, tzinfo=UTC)
            await expect(button).to_be_enabled()
        await start.fill("2030-10-27T03:30")
        await expect(which).to_have_count(0)
        await button.click()
        told = await asyncio.wait_for(planned.get(), 10)
        assert told == datetime(2030, 10, 27, 2, 30, tzinfo=UTC)
        assert [each for each in administrator.complaints if "ERR_FAILED" not in each] == []
