"""Test sessions in a browser, from entering the code to the certificate, for each role."""

from __future__ import annotations

from email.message import EmailMessage
from uuid import uuid4

from aiosmtplib import send
from playwright.async_api import Page, Route, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient, ProctorClient
from e2e.console import open_learner
from e2e.images import identity_document, selfie
from e2e.scenario import Scenario, create_scenario
from proctorium.assessment.v1.attempts_pb2 import Attempt, GetAttemptRequest
from proctorium.assessment.v1.items_pb2 import Answer
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack


async def test_learner_and_proctor_complete_a_session(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"))
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        proctor = await Visitor.open(opened, stack.url("edge"))
        await learner.screenshot("sign-in")
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)

        await join_by_code(learner, scenario.code)
        await submit_invalid_image(learner)
        await submit_evidence(learner.page, scenario.learners[0].name)
        await learner.screenshot("lobby")

        await open_session(proctor, scenario.session_id)
        await verify_identity(proctor, scenario.learners[0].name)
        await expect(learner.page.get_by_text("Identity verified")).to_be_visible()
        await start_session(proctor)
        await expect(learner.page.get_by_text("In Session", exact=True)).to_be_visible()
        await learner.page.get_by_role("button", name="Open").click()
        await expect(learner.page.get_by_text("Put on goggles")).to_be_visible()
        await learner.screenshot("in-session")

        await proctor.page.get_by_role("button", name="Authorise the assessment for all").click()
        await take_assessment(learner)
        later = "Your result follows after the end of the session."
        await expect(learner.page.get_by_text(later)).to_be_visible()
        roster = proctor.page.get_by_role("table")
        await expect(roster.get_by_text("Submitted")).to_be_visible()
        await learner.page.goto("/courses")
        await expect(roster.get_by_text("Disconnected")).to_be_visible(timeout=10_000)
        await expect(
            proctor.page.get_by_text("1 learner joined, 1 is not here; nobody needs attention now.")
        ).to_be_visible()
        await end_session(proctor, scenario.session_id)
        await learner.page.goto(f"/sessions/{scenario.session_id}")
        await expect(learner.page.get_by_text("Completed", exact=True)).to_be_visible()
        await learner.page.get_by_role("link", name="See your result").click()
        await expect(learner.page.get_by_text("8 of 8 points").first).to_be_visible()
        await download_certificate(learner)
        await learner.page.goto("/courses")
        result = learner.page.get_by_role("link", name="View result and certificate")
        await expect(result).to_have_class("button")
        code = learner.page.get_by_role("main").get_by_role("link", name="Enter Enrollment Code")
        await expect(code).to_have_count(0)
        await learner.screenshot("courses-completed")
        await result.click()
        await expect(learner.page.get_by_text("Passed", exact=True)).to_be_visible()
        assert learner.errors == []
        assert proctor.errors == []
    await scenario.close()


async def test_roster_begins_with_learners_who_need_attention(
    stack: Stack, scenario: Scenario
) -> None:
    lena, omar = (LearnerClient(learner, scenario) for learner in scenario.learners)
    for client in (omar, lena):
        await client.join()
    async with shared_browser() as opened:
        proctor = await Visitor.open(opened, stack.url("edge"))
        await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
        await open_session(proctor, scenario.session_id)
        page, roster = proctor.page, proctor.page.get_by_role("rowheader")
        await expect(roster).to_have_text(["Omar Haddad", "Lena Fischer"])
        await lena.send_evidence()
        await expect(page.get_by_text("2 learners; 1 needs attention.")).to_be_visible()
        await expect(roster).to_have_text(["Lena Fischer", "Omar Haddad"])

        await page.get_by_role("button", name="1 Identity").click()
        await expect(roster).to_have_text(["Lena Fischer"])
        await omar.send_evidence()
        await expect(roster).to_have_text(["Omar Haddad", "Lena Fischer"])
        await verify_identity(proctor, "Lena Fischer")
        await expect(page.get_by_role("heading", name="Lena Fischer")).to_be_focused()
        await expect(roster).to_have_text(["Omar Haddad"])
        await page.get_by_role("button", name="2 All").click()
        await page.get_by_label("Find a learner by name").fill("LENA")
        await expect(roster).to_have_text(["Lena Fischer"])
        assert proctor.errors == []
    for client in (omar, lena):
        await client.close()


async def test_offline_answers_are_stored_and_sent_later(stack: Stack, scenario: Scenario) -> None:
    client, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await client.join()
    proctor.watch()
    await proctor.verify(await client.send_evidence())
    await proctor.start()
    await proctor.authorize(client)
    attempt = await client.start()
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await learner.page.goto(f"/attempts/{client.attempt_id}")

        await answer_offline(learner.page, "0.1")
        await learner.page.context.set_offline(False)
        await expect(learner.page.get_by_text("All answers saved")).to_be_visible()
        assert await saved_number(client) == 0.1

        # Simulate another device: save under the sequence number that this page will use next.
        await client.save_as(await last_sequence(client) + 1, attempt.items[3].item_id, Answer())
        await learner.page.get_by_label("Your answer").fill("0.2")
        await expect(learner.page.get_by_text("All answers saved")).to_be_visible()
        assert await saved_number(client) == 0.2

        # Close the page while the browser is offline, then open another page of the portal.
        await answer_offline(learner.page, "0.3")
        await learner.page.close()
        await learner.reopen("/courses")
        await eventually(lambda: journal_is_empty(learner.page), "the stored answer to be sent")
        assert await saved_number(client) == 0.3

        await learner.page.goto(f"/attempts/{client.attempt_id}")
        await answer_offline(learner.page, "0.4")
        await proctor.end()
        await client.wait_for_result()
        await learner.page.context.set_offline(False)
        late = "Your answer to question 4 arrived after the end."
        await expect(learner.page.get_by_text(late)).to_be_visible()
        await expect(learner.page.get_by_text("Everything that you had answered")).to_have_count(0)
        await expect(learner.page.get_by_text("Submitted on")).to_be_visible()
        await learner.screenshot("late-answer")
        await learner.page.get_by_role("link", name="See your result").click()
        await expect(learner.page.get_by_text(late)).to_be_visible()
        assert await saved_number(client) == 0.3
        assert learner.errors == []
    await client.close()
    await proctor.close()


async def test_administrator_schedules_a_session_and_manages_its_codes(
    stack: Stack, scenario: Scenario
) -> None:
    run = scenario.session_id[-8:]
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"))
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await add_person(page, f"Prue Proctor {run}", ["Proctor"])
        await add_person(page, f"Leo Learner {run}", ["Learner"])
        prue = page.get_by_role("listitem").filter(has_text=f"Prue Proctor {run}")
        await expect(prue.get_by_text("Not certified")).to_be_visible()
        await prue.get_by_text("Change").click()
        await prue.get_by_label("Certified as a proctor until").fill("2099-12-31")
        await prue.get_by_role("button", name="Certify").click()
        await expect(
            prue.get_by_text("Certified until December 31, 2099", exact=True)
        ).to_be_visible()
        await administrator.screenshot("people")

        await create_course(page, f"Course {run}")
        course = page.get_by_role("listitem").filter(has_text=f"Course {run}")
        await course.get_by_role("button", name="Publish").click()
        await expect(course.get_by_text("Published", exact=True)).to_be_visible()
        await course.get_by_text("Register a learner").click()
        leo = f"Leo Learner {run}, leolearner{run}@example.org"
        await course.get_by_role("combobox", name="Learner").select_option(leo)
        await course.get_by_role("button", name="Register").click()
        await expect(course.get_by_text(f"Leo Learner {run} is registered.")).to_be_visible()
        await administrator.screenshot("managed-courses")

        await page.get_by_role("navigation").get_by_role("link", name="Sessions").click()
        await page.get_by_role("link", name="Schedule a session").click()
        await page.get_by_role("combobox", name="Course").select_option(f"Course {run}")
        await page.get_by_label("Start", exact=True).fill("2099-01-01T09:00")
        await page.get_by_label(f"Prue Proctor {run}").check()
        await expect(page.get_by_label(f"Leo Learner {run}")).to_be_checked()
        await expect(page.get_by_text("created over gRPC or JSON")).to_be_visible()
        await administrator.screenshot("schedule")
        await page.get_by_role("button", name="Schedule", exact=True).click()
        await expect(page.get_by_text("Scheduled", exact=True)).to_be_visible()

        table = page.get_by_role("region", name="Enrollment codes")
        rows = table.get_by_role("row").filter(has=page.get_by_role("rowheader"))
        await expect(rows).to_contain_text(["Active"])
        await rows.get_by_role("button", name="Replace").click()
        await expect(rows).to_contain_text(["Active", "Replaced"])
        await rows.first.get_by_role("button", name="Revoke").click()
        await rows.first.get_by_role("button", name="Revoke now").click()
        await expect(rows).to_contain_text(["Revoked", "Replaced"])
        await page.get_by_text("Issue another code").click()
        await page.get_by_role("button", name="Issue", exact=True).click()
        await expect(rows).to_contain_text(["Active", "Revoked", "Replaced"])
        await administrator.screenshot("codes")
        await page.get_by_role("button", name="Cancel the session…").click()
        await page.get_by_role("button", name="Cancel the session now").click()
        status = page.get_by_role("status").get_by_text("Cancelled", exact=True)
        await expect(status).to_be_visible()
        await expect(rows).to_contain_text(["No longer valid", "Revoked", "Replaced"])
        await expect(page.get_by_role("button", name="Replace")).to_have_count(0)
        await expect(page.get_by_text("Issue another code")).to_have_count(0)
        assert administrator.errors == []


async def test_code_of_a_new_session_appears_once_it_is_created(
    stack: Stack, scenario: Scenario
) -> None:
    async with shared_browser() as opened:
        administrator = await Visitor.open(opened, stack.url("edge"))
        page = administrator.page
        requests = 0

        async def change_first_request(route: Route) -> None:
            """Replace the session id in the first request with an id that does not exist."""
            nonlocal requests
            requests += 1
            body = route.request.post_data_buffer
            if requests == 1 and body is not None:
                await expect(page.get_by_text("code is being created")).to_be_visible()
                session_id = scenario.session_id.encode()
                body = body.replace(session_id, str(uuid4()).encode())
            await route.continue_(post_data=body)

        await page.route("**/proctorium.enrollment.v1.CodeService/ListCodes", change_first_request)
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.goto(f"/supervise/{scenario.session_id}")
        await expect(page.get_by_role("rowheader").filter(has_text=scenario.code)).to_be_visible()
        assert requests > 1
        await expect(page.get_by_role("alert")).to_have_count(0)
        assert administrator.errors == []


async def test_cancelled_session_requires_no_action(stack: Stack, scenario: Scenario) -> None:
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        administrator = await Visitor.open(opened, stack.url("edge"))
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await join_by_code(learner, scenario.code)
        await submit_evidence(learner.page, scenario.learners[0].name)
        page = administrator.page
        await administrator.sign_in(scenario.administrator.email, scenario.administrator.password)
        await page.goto(f"/supervise/{scenario.session_id}")
        needed = page.get_by_text("1 learner joined, 1 is not here; 1 needs attention.")
        await expect(needed).to_be_visible()
        await page.get_by_role("button", name="Cancel the session…").click()
        await page.get_by_role("button", name="Cancel the session now").click()
        await expect(page.get_by_role("cell").filter(has_text="Cancelled")).to_have_count(2)
        await expect(page.get_by_text("needs attention")).to_have_count(0)
        await expect(page.get_by_text("Disconnected", exact=True)).to_have_count(0)

        await learner.page.goto("/schedule")
        await expect(learner.page.get_by_text("It is for administrators.")).to_be_visible()
        await learner.page.goto(f"/sessions/{scenario.session_id}")
        await expect(learner.page.get_by_text("Cancelled", exact=True)).to_be_visible()
        await expect(learner.page.get_by_text("was cancelled")).to_be_visible()
        for gone in ("Waiting", "Session lobby", "Identity check"):
            await expect(learner.page.get_by_text(gone, exact=True)).to_have_count(0)
        assert learner.errors == []
        assert administrator.errors == []


async def test_mailbox_shows_a_long_mail_in_full(stack: Stack) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", "Long"
    mail.set_content("<p>One of many lines.</p>" * 100 + "<p>The end</p>", subtype="html")
    host, port = stack.address("smtp").split(":")
    await send(mail, hostname=host, port=int(port))
    async with shared_browser() as opened:
        reader = await Visitor.open(opened, stack.url("mailbox"))
        await reader.page.get_by_role("link", name="Long").click()
        frame = reader.page.locator("iframe")
        await expect(frame.content_frame.get_by_text("The end")).to_be_visible()
        for width in (1280, 320):
            await reader.page.set_viewport_size({"width": width, "height": 800})
            await expect(frame).to_have_js_property(
                "clientHeight",
                await frame.evaluate("frame => frame.contentDocument.documentElement.scrollHeight"),
            )
        assert await frame.evaluate("frame => frame.clientHeight") > 2000
        assert reader.errors == []


async def add_person(page: Page, name: str, roles: list[str]) -> None:
    await page.get_by_role("navigation").get_by_role("link", name="People").click()
    if not await page.get_by_label("Legal name").is_visible():
        await page.get_by_text("Add a person").click()
    await page.get_by_label("Legal name").fill(name)
    email = "".join(name.lower().split()) + "@example.org"
    await page.get_by_label("E-mail address", exact=True).fill(email)
    for role in ("Learner", "Proctor", "Administrator"):
        await page.get_by_label(role, exact=True).set_checked(role in roles)
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_text(f"{name} was added.")).to_be_visible()


async def create_course(page: Page, title: str) -> None:
    await page.get_by_role("navigation").get_by_role("link", name="Courses").click()
    await page.get_by_text("Create a course").click()
    await page.get_by_label("Title", exact=True).fill(title)
    await page.get_by_label("Title of the step").fill("Before you begin")
    await page.get_by_label("Text, in Markdown").fill("# Before you begin\n\nBreathe.")
    await page.get_by_role("button", name="Create").click()


async def answer_offline(page: Page, number: str) -> None:
    await expect(page.get_by_label("Your answer")).to_be_visible()
    await page.context.set_offline(True)
    await page.get_by_label("Your answer").fill(number)
    await expect(page.get_by_text("Stored on this device, not sent yet")).to_be_visible()
    await expect(page.get_by_text("The connection is lost. Keep answering")).to_be_visible()


async def journal_is_empty(page: Page) -> bool | None:
    pending = "Object.keys(localStorage).some(key => key.startsWith('proctorium.answers.'))"
    return not await page.evaluate(pending) or None


async def saved_attempt(client: LearnerClient) -> Attempt:
    request = GetAttemptRequest(attempt_id=client.attempt_id)
    return (await client.learner.attempts.GetAttempt(request)).attempt


async def last_sequence(client: LearnerClient) -> int:
    return (await saved_attempt(client)).last_sequence


async def saved_number(client: LearnerClient) -> float | None:
    saved = (await saved_attempt(client)).answers
    return next((one.answer.number for one in saved if one.answer.HasField("number")), None)


async def start_session(proctor: Visitor) -> None:
    await proctor.page.get_by_role("button", name="Start the session (").click()
    question = proctor.page.get_by_role("group", name="Start the session")
    await expect(question).to_contain_text("The planned start is ")
    await question.get_by_role("button", name="Start the session now").click()


async def join_by_code(learner: Visitor, code: str) -> None:
    page = learner.page
    await expect(page.get_by_text("Proctored", exact=True)).to_be_visible()
    await learner.screenshot("courses")
    await page.get_by_role("navigation").get_by_role("link", name="Enter Enrollment Code").click()
    await page.get_by_label("Enrollment code").fill(code.swapcase())
    await page.get_by_role("button", name="Join Session").click()
    await expect(page.get_by_role("alert")).to_contain_text("case")
    await learner.screenshot("wrong-code")
    await page.get_by_label("Enrollment code").fill(code)
    await page.get_by_role("button", name="Join Session").click()
    await expect(page.get_by_text("Waiting", exact=True)).to_be_visible()


async def submit_invalid_image(learner: Visitor) -> None:
    field = learner.page.get_by_label("Photo of your identity document")
    await field.set_input_files(
        {"name": "document.jpg", "mimeType": "image/jpeg", "buffer": b"not an image"}
    )
    refusal = learner.page.get_by_role("alert")
    await expect(refusal).to_contain_text("JPEG, PNG or WebP")
    refusal_box, field_box = await refusal.bounding_box(), await field.bounding_box()
    assert refusal_box is not None
    assert field_box is not None
    assert refusal_box["y"] - field_box["y"] - field_box["height"] > 8
    await learner.screenshot("invalid-image")


async def submit_evidence(page: Page, name: str) -> None:
    await page.get_by_label("Photo of your identity document").set_input_files(
        {"name": "document.png", "mimeType": "image/png", "buffer": identity_document(name)}
    )
    await expect(page.get_by_text("Sent", exact=True)).to_be_visible()
    await page.get_by_label("Photo of yourself, now").set_input_files(
        {"name": "selfie.jpg", "mimeType": "image/jpeg", "buffer": selfie()}
    )
    await expect(page.get_by_text("waiting for somebody to check your photos")).to_be_visible()


async def open_session(proctor: Visitor, session_id: str) -> None:
    await proctor.page.locator(f"a[href='/supervise/{session_id}']").click()
    await expect(proctor.page.get_by_text("Lobby open")).to_be_visible()


async def verify_identity(proctor: Visitor, name: str) -> None:
    page = proctor.page
    panel = await open_learner(page, name)
    await panel.get_by_role("button", name=f"Check identity of {name}").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("img", name="Identity document")).to_be_visible()
    await expect(dialog.get_by_role("img", name="Selfie")).to_be_visible()
    await expect(dialog.get_by_text(name, exact=True)).to_be_visible()
    await proctor.screenshot("identity-decision")
    await dialog.get_by_role("button", name="Verify").click()
    await expect(panel.get_by_text("Verified")).to_be_visible()
    await proctor.screenshot("roster")


async def take_assessment(learner: Visitor) -> None:
    page = learner.page
    await page.get_by_role("link", name="Go to the assessment").click()
    await page.get_by_role("button", name="Start the assessment").click()
    await page.get_by_label("Warn the people nearby").check()
    for choice in ("Goggles", "Gloves", "A closed coat"):
        await page.get_by_label(choice).check()
    await page.get_by_label("False").check()
    await page.get_by_label("Your answer").fill("0.4")
    await expect(page.get_by_text("All answers saved")).to_be_visible()
    await expect(page.get_by_role("timer")).to_be_visible()
    await learner.screenshot("exam")
    await page.reload()
    await expect(page.get_by_label("Warn the people nearby")).to_be_checked()
    await expect(page.get_by_label("Your answer")).to_have_value("0.4")
    await expect(page.get_by_text("Question 4 of 4")).to_be_visible()
    await page.get_by_role("link", name="Question 4, answered").click()
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Your answer")).to_be_focused()
    await page.get_by_role("button", name="Submit…").click()
    await page.get_by_role("button", name="Submit now").click()


async def download_certificate(learner: Visitor) -> None:
    page = learner.page
    await learner.screenshot("result")
    certificate = page.get_by_role("button", name="Download certificate")
    await expect(certificate).to_be_visible()
    async with page.expect_download() as download:
        await certificate.click()
    assert (await download.value).suggested_filename.endswith(".pdf")
    await page.get_by_role("link", name="Public verification page").click()
    await expect(page.get_by_text("Valid", exact=True)).to_be_visible()
    await learner.screenshot("certificate")


async def end_session(proctor: Visitor, session_id: str) -> None:
    page = proctor.page
    await page.get_by_role("button", name="End the session…").click()
    await page.get_by_role("button", name="End the session now").click()
    await expect(page.get_by_text("Ended", exact=True)).to_be_visible()
    await page.get_by_role("navigation").get_by_role("link", name="Sessions").click()
    past = page.get_by_role("region", name="Past")
    await expect(past.locator(f"a[href='/supervise/{session_id}']")).to_be_visible()
    await proctor.screenshot("sessions")
