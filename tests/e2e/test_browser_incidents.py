"""Test incidents on the supervision page: proctors need only a keyboard to manage them, and learners see none."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal

from playwright.async_api import Browser, Locator, Page, ViewportSize, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.console import opener_of
from e2e.scenario import Scenario, create_scenario
from proctorium.session.v1.incidents_pb2 import (
    INCIDENT_SEVERITY_NOTE,
    INCIDENT_SEVERITY_SERIOUS,
    CreateIncidentRequest,
    Incident,
    ListIncidentsRequest,
    UpdateIncidentRequest,
)
from proctorium.session.v1.lobby_pb2 import Participant
from proctorium_devstack.stack import Stack

_NOTE = "Somebody spoke in the next room.\nIt stopped after a minute."
# Returns whether an element has the focus. For text inside a `summary` element, the `summary` has the focus.
_HAS_FOCUS = "element => (element.closest('summary') ?? element) === document.activeElement"
_THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_PHONE: ViewportSize = {"width": 390, "height": 844}
_DESKTOP: ViewportSize = {"width": 1440, "height": 900}


async def test_incident_is_reported_and_changed_by_keyboard(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"))
    learner, client = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    name = scenario.learners[0].name
    await learner.join()
    await client.start()
    async with shared_browser() as opened:
        proctor = await supervising(stack, scenario, opened)
        page = proctor.page
        await expect(page.get_by_text("No incident was reported.")).to_be_visible()

        await tab_to(page, opener_of(page, name))
        await page.keyboard.press("i")
        form = page.get_by_role("dialog", name=f"Report an incident: {name}")
        await expect(form.get_by_label("Category")).to_be_focused()
        await page.keyboard.type("Noise")
        await page.keyboard.press("Tab")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Tab")
        await page.keyboard.type(_NOTE)
        await expect(form.get_by_label("When it happened")).not_to_have_value("")
        await take_screenshots(proctor, "incident-form")
        await tab_to(page, form.get_by_role("button", name="Save the incident"))
        await page.keyboard.press("Enter")
        await expect(form).to_have_count(0)
        await expect(status(page)).to_have_text("The incident is saved.")
        await expect(opener_of(page, name)).to_be_focused()

        section = page.get_by_role("region", name="Incidents")
        await expect(section.get_by_role("heading", name="Incidents (1)")).to_be_visible()
        await expect(page.get_by_role("row").filter(has_text=name)).to_contain_text("1 incident")
        incident = section.get_by_role("listitem").filter(has_text="next room")
        for shown in (name, "Environment: Noise", "Warning", f"Written by {scenario.proctor.name}"):
            await expect(incident).to_contain_text(shown)
        await expect(incident).not_to_contain_text("Changed")

        await tab_to(page, incident.get_by_role("button", name="Change…"))
        await page.keyboard.press("Enter")
        form = page.get_by_role("dialog", name=f"Change the incident: {name}")
        await expect(form.get_by_label("What happened")).to_have_value(_NOTE)
        await expect(form.get_by_label("Warning: ")).to_be_checked()
        await tab_to(page, form.get_by_label("Warning: "))
        await page.keyboard.press("ArrowDown")
        await tab_to(page, form.get_by_role("button", name="Save the incident"))
        await page.keyboard.press("Enter")
        await expect(status(page)).to_have_text("The incident is saved.")
        await expect(incident).to_contain_text("Serious")
        await tab_to(page, incident.get_by_text("Changed once"))
        await page.keyboard.press("Enter")
        earlier = incident.get_by_role("list").get_by_role("listitem")
        await expect(earlier).to_contain_text("Warning")
        await expect(earlier).to_contain_text(f"Written by {scenario.proctor.name}")
        await take_screenshots(proctor, "incidents")
        assert proctor.errors == []

        visitor = await Visitor.open(opened, stack.url("edge"))
        await visitor.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await visitor.page.goto(f"/sessions/{scenario.session_id}")
        await expect(visitor.page.get_by_text("In Session", exact=True)).to_be_visible()
        await expect(
            visitor.page.get_by_text(re.compile("incident|next room", re.IGNORECASE))
        ).to_have_count(0)
    await learner.close()
    await client.close()
    await scenario.close()


async def test_draft_of_an_incident_survives_closing_the_form(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"), starts_in=timedelta(hours=5))
    async with shared_browser() as opened:
        proctor = await supervising(stack, scenario, opened)
        page = proctor.page
        open_lobby = page.get_by_role("button", name="Open the lobby")
        await expect(open_lobby).to_be_visible()
        await expect(page.get_by_role("region", name="Incidents")).to_have_count(0)
        await open_lobby.click()
        await page.get_by_role("button", name="Report an incident…").click()
        await page.keyboard.press("Escape")
        await expect(status(page)).to_have_text("")
        await page.get_by_role("button", name="Report an incident…").click()
        form = page.get_by_role("dialog", name="Report an incident: Whole session")
        await form.get_by_label("What happened").fill("x" * 1_801)
        await expect(form.get_by_text("199 characters left.")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(form).to_have_count(0)
        await expect(status(page)).to_contain_text("Your draft is kept")

        await page.get_by_role("button", name="Continue draft…").click()
        await expect(form.get_by_label("What happened")).to_have_value("x" * 1_801)
        await form.get_by_label("Category").select_option(label="Late start")
        await form.get_by_label("When it happened").fill("2999-01-01T09:00")
        await form.get_by_role("button", name="Save the incident").click()
        await expect(form.get_by_label("When it happened")).to_be_focused()
        await expect(form).to_contain_text("This time is in the future.")
        await form.get_by_role("button", name="Discard the draft…").click()
        await form.get_by_role("button", name="Discard it now").click()
        await expect(form).to_have_count(0)
        await page.get_by_role("button", name="Report an incident…").click()
        await expect(form.get_by_label("What happened")).to_have_value("")
        assert proctor.errors == []
    await scenario.close()


async def test_change_of_an_outdated_incident_shows_what_the_other_wrote(
    stack: Stack, scenario: Scenario
) -> None:
    learner, client = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    participant = await learner.join()
    await client.start()
    await client.end()
    await report(scenario, participant)
    async with shared_browser() as opened:
        proctor = await supervising(stack, scenario, opened)
        page = proctor.page
        await page.get_by_role("button", name="Change…").click()
        form = page.get_by_role("dialog", name="Change the incident: ")
        await form.get_by_label("What happened").fill("It was a fire drill.")
        await escalate(scenario)
        await form.get_by_role("button", name="Save the incident").click()
        theirs = form.get_by_role("group", name="an administrator changed this incident")
        await expect(theirs).to_be_focused()
        await expect(theirs).to_contain_text("Serious")
        await expect(theirs).to_contain_text("Everybody heard it.")
        await expect(form.get_by_label("What happened")).to_have_value("It was a fire drill.")
        await expect(form.get_by_label("Serious: ")).to_be_checked()
        await take_screenshots(proctor, "incident-changed-meanwhile")
        await form.get_by_role("button", name="Save the incident").click()
        await expect(form).to_have_count(0)
        incident = page.get_by_role("listitem").filter(has_text="It was a fire drill.")
        await expect(incident).to_contain_text("Serious")
        await expect(incident).to_contain_text("Changed 2 times")
        assert proctor.errors == []
    await learner.close()
    await client.close()


async def report(scenario: Scenario, participant: Participant) -> None:
    """Report an incident about a participant."""
    await scenario.proctor.incidents.CreateIncident(
        CreateIncidentRequest(
            session_id=scenario.session_id,
            participant_id=participant.participant_id,
            category_id="environment.noise",
            severity=INCIDENT_SEVERITY_NOTE,
            note="An alarm.",
        )
    )


async def escalate(scenario: Scenario) -> None:
    """Change the only incident of the session to a serious incident, as an administrator."""
    incidents = scenario.administrator.incidents
    listed = await incidents.ListIncidents(ListIncidentsRequest(session_id=scenario.session_id))
    changed = Incident(
        incident_id=listed.incidents[0].incident_id,
        severity=INCIDENT_SEVERITY_SERIOUS,
        note="Everybody heard it.",
    )
    await incidents.UpdateIncident(UpdateIncidentRequest(incident=changed))


async def supervising(stack: Stack, scenario: Scenario, opened: Browser) -> Visitor:
    """Open the page of the session as the proctor of the session."""
    proctor = await Visitor.open(opened, stack.url("edge"))
    await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
    await proctor.page.goto(f"/supervise/{scenario.session_id}")
    return proctor


def status(page: Page) -> Locator:
    """Return the status element of the section with the incidents. Screen readers announce the text of this element."""
    return page.get_by_role("region", name="Incidents").get_by_role("status")


async def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until `target` has the focus; raise AssertionError if Tab must be pressed more than 60 times."""
    await expect(target).to_be_visible()
    for _ in range(60):
        if await target.evaluate(_HAS_FOCUS):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {target}")


async def take_screenshots(visitor: Visitor, name: str) -> None:
    """Save screenshots for a desktop and a phone in each theme; check the page with a small screen and large fonts."""
    for screen, size in (("desktop", _DESKTOP), ("phone", _PHONE)):
        for theme in _THEMES:
            await visitor.page.emulate_media(color_scheme=theme)
            await visitor.page.set_viewport_size(size)
            await visitor.page.screenshot(
                path=f"build/screenshots/{name}-{screen}-{theme}.png", full_page=True
            )
    await visitor.page.emulate_media(color_scheme="light")
    await visitor.screenshot(name)
