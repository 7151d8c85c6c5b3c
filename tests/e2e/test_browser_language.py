"""Test that pages are in the language of the person or of the browser, and that every text comes from a catalogue."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page, Route, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario
from e2e.test_browser_answers import exam_room
from proctorium.enrollment.v1.people_pb2 import CreatePersonRequest
from proctorium.options.v1.options_pb2 import ROLE_LEARNER
from proctorium_devstack.demo import seed
from proctorium_devstack.stack import Stack

_PASSWORD = secrets.token_urlsafe(12)
_LEARNER_PAGES = (
    "/courses",
    "/join",
    "/results",
    "/notifications",
    "/account",
    "/nothing",
    "/people",
)
_ADMINISTRATOR_PAGES = ("/supervise", "/schedule", "/people", "/managed-courses")
_OPENED_PARTS = 6
"""The number of closed parts that are opened on a page. Lists repeat the same parts for each of their entries."""
_CATALOGUE = "**/assets/en-*.js"
# This script replaces the English catalogue, and marks each text of it. The texts that Intl formats are marked too.
_MARKED = """
import * as catalogue from "%s?original";
const mark = (text) =>
  typeof text === "string" ? `⟦${text}⟧`
  : typeof text === "function" ? (...parameters) => mark(text(...parameters))
  : Array.isArray(text) ? text.map(mark)
  : text?.constructor === Object && !("props" in text)
  ? Object.fromEntries(Object.entries(text).map(([key, value]) => [key, mark(value)]))
  : text;
export const en = mark(catalogue.en);
"""
_MARK_DATES = """
const { get } = Object.getOwnPropertyDescriptor(Intl.DateTimeFormat.prototype, "format");
Object.defineProperty(Intl.DateTimeFormat.prototype, "format", {
  get() {
    const format = get.call(this);
    return (time) => `⟦${format(time)}⟧`;
  },
});
"""
# This script returns the texts and attributes of the page that have letters outside of the marks. These are attributes
# that people read or hear. Names and texts that people wrote have `dir="auto"` (as the element `bdi` has), and texts in
# another language have `lang`.
_UNMARKED = r"""() => {
  const data = "bdi, [dir=auto], .code, [translate=no], [lang]:not(html), script, style, noscript, .lesson";
  const isShown = (element) => element.checkVisibility() || element.matches("option");
  const rest = (text) => {
    let [before, after] = ["", text];
    while (before !== after) [before, after] = [after, after.replace(/⟦[^⟦⟧]*⟧/g, "")];
    return after;
  };
  const found = [];
  const note = (element, text) => {
    if (/\p{L}/u.test(rest(text)) && !element.closest(data) && isShown(element)) found.push(text.trim());
  };
  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) note(nodes.currentNode.parentElement, nodes.currentNode.data);
  for (const name of ["aria-label", "title", "placeholder", "alt", "data-label"])
    for (const element of document.body.querySelectorAll(`[${name}]`)) note(element, element.getAttribute(name));
  return [...new Set(found)];
}"""


async def test_pages_are_in_the_language_of_a_german_browser_and_person(
    stack: Stack, scenario: Scenario
) -> None:
    email = await german_learner(scenario)
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"), language="de-AT")
        page = learner.page
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        await expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
        await expect(page.locator("html")).to_have_attribute("lang", "de")
        await page.get_by_label("E-Mail-Adresse").fill(email)
        await page.get_by_label("Passwort").fill("not the password")
        await page.get_by_role("button", name="Anmelden").click()
        await expect(page.get_by_role("alert").locator("[lang=en]")).to_be_visible()
        await learner.screenshot("german-sign-in")
        await page.get_by_label("Passwort").fill(_PASSWORD)
        await page.get_by_role("button", name="Anmelden").click()
        await expect(page.get_by_role("heading", name="Ihre Kurse")).to_be_visible()
        await learner.screenshot("german-courses")

        for address, title in (
            ("/join", "Zugangscode eingeben"),
            ("/results", "Ihre Ergebnisse"),
            ("/notifications", "Nachrichten"),
            ("/account", "Ihr Konto"),
        ):
            await page.goto(address)
            await expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
            await learner.screenshot(f"german{address.replace('/', '-')}")
        assert [url for url in requested if "/assets/en-" in url] == []
        assert learner.errors == []


async def test_language_of_the_account_replaces_the_language_of_the_browser(
    stack: Stack, scenario: Scenario
) -> None:
    email = await german_learner(scenario)
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"), language="en-GB")
        page = learner.page
        await page.get_by_label("E-mail address").fill(email)
        await page.get_by_label("Password").fill(_PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Ihre Kurse")).to_be_visible()

        await page.get_by_role("button", name="English").click()
        await expect(page.get_by_role("heading", name="Your courses")).to_be_visible()
        await page.reload()
        await expect(page.get_by_role("heading", name="Your courses")).to_be_visible()
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        assert learner.errors == []


async def test_pages_of_administrators_fit_small_screens_in_german(
    stack: Stack, scenario: Scenario
) -> None:
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"))
        page, who = administrator.page, seed.ADMINISTRATOR
        await page.get_by_role("button", name="Deutsch").click()
        await page.get_by_label("E-Mail-Adresse").fill(who.email)
        await page.get_by_label("Passwort").fill(who.password)
        await page.get_by_role("button", name="Anmelden").click()
        await expect(page.get_by_role("link", name="Personen")).to_be_visible()
        for name, address in (
            ("sessions", "/supervise"),
            ("roster", f"/supervise/{scenario.session_id}"),
            ("schedule", "/schedule"),
            ("people", "/people"),
            ("managed-courses", "/managed-courses"),
        ):
            await page.goto(address)
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            await expect(page.get_by_text("Wird geladen")).to_have_count(0)
            await administrator.screenshot(f"german-{name}")
        assert administrator.errors == []


async def test_language_is_not_changed_while_answers_are_pending(
    stack: Stack, scenario: Scenario
) -> None:
    async with exam_room(stack, scenario) as (_, learner):
        page = learner.page
        await page.route("**/proctorium.assessment.v1.**", lambda route: route.abort())
        await page.get_by_label("Your answer").fill("0.7")
        await expect(page.get_by_text("Stored on this device, not sent yet")).to_be_visible()
        await page.get_by_role("button", name="Deutsch").click()
        await expect(
            page.get_by_text("The language cannot be changed until your answers have been sent.")
        ).to_be_visible()
        await page.unroute("**/proctorium.assessment.v1.**")
        await expect(page.get_by_text("All answers saved")).to_be_visible()
        await page.get_by_role("button", name="Deutsch").click()
        await expect(page.get_by_text("Alle Antworten gespeichert")).to_be_visible()
        await expect(page.get_by_label("Ihre Antwort")).to_have_value("0,7")
        await learner.screenshot("german-exam-room")
        await page.get_by_role("button", name="Abgeben…").click()
        await page.get_by_role("button", name="Jetzt abgeben").click()
        await expect(page.get_by_text("Abgegeben am")).to_be_visible()
        assert learner.errors == []


async def test_every_text_on_the_pages_comes_from_the_catalogue(
    stack: Stack, scenario: Scenario
) -> None:
    learner, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    found: dict[str, list[str]] = {}
    async with shared_browser() as opened:
        async with pseudo(opened, stack) as page:
            found["sign-in"] = await unmarked_texts(page, "/")
            await sign_in(page, scenario.learners[0].email, scenario.learners[0].password)
            await learner.join()
            found["lobby"] = await unmarked_texts(page, f"/sessions/{scenario.session_id}")
            proctor.watch()
            await proctor.verify(await learner.send_evidence())
            await proctor.start()
            await proctor.authorize(learner)
            await learner.start()
            for address in (
                f"/sessions/{scenario.session_id}",
                f"/attempts/{learner.attempt_id}",
                f"/courses/{scenario.course_id}",
                *_LEARNER_PAGES,
            ):
                found[address] = await unmarked_texts(page, address)
        async with pseudo(opened, stack) as page:
            await sign_in(page, seed.ADMINISTRATOR.email, seed.ADMINISTRATOR.password)
            for address in (
                f"/supervise/{scenario.session_id}",
                f"/supervise/{scenario.session_id}/accesses",
                f"/managed-courses/{scenario.course_id}",
                *_ADMINISTRATOR_PAGES,
            ):
                found[address] = await unmarked_texts(page, address)
    assert {address: texts for address, texts in found.items() if texts} == {}
    await learner.close()
    await proctor.close()


async def german_learner(scenario: Scenario) -> str:
    """Register a learner whose language is German in the course; return the e-mail address."""
    email = f"greta.{secrets.token_hex(4)}@example.org"
    created = await scenario.administrator.people.CreatePerson(
        CreatePersonRequest(
            legal_name="Greta Bauer",
            email=email,
            locale="de-CH",
            roles=[ROLE_LEARNER],
            password=_PASSWORD,
        )
    )
    await seed.register(scenario.administrator, created.person.person_id, scenario.course_id)
    return email


@asynccontextmanager
async def pseudo(opened: Browser, stack: Stack) -> AsyncIterator[Page]:
    """Open a window in which every text of the catalogue is marked."""
    visitor = await Visitor.open(opened, stack.url("edge"), language="en-GB")
    page = visitor.page
    await page.add_init_script(_MARK_DATES)
    await page.route(_CATALOGUE, serve_marked)
    await page.reload()
    yield page
    assert visitor.errors == []


async def serve_marked(route: Route) -> None:
    await route.fulfill(content_type="text/javascript", body=_MARKED % route.request.url)


async def sign_in(page: Page, email: str, password: str) -> None:
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("banner").get_by_role("button", name="Sign out").wait_for()


async def unmarked_texts(page: Page, address: str) -> list[str]:
    """Return the unmarked texts of the page at `address`, without names and other data.

    The first closed parts of the page are opened, so that their texts are included.
    """
    await page.goto(address)
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await expect(page.get_by_text("⟦Loading")).to_have_count(0)
    for summary in (await page.locator("main summary").all())[:_OPENED_PARTS]:
        await summary.click()
    found: list[str] = await page.evaluate(_UNMARKED)
    return found
