"""Test the lobby before the identity case is opened, and errors while a photo is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

from playwright.async_api import FilePayload, Route, expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient
from e2e.images import selfie
from e2e.scenario import Scenario
from proctorium.identity.v1.verification_pb2 import GetCaseRequest, LearnerInSession
from proctorium_devstack.stack import Stack

_CASE = "**/proctorium.identity.v1.VerificationService/GetCase"
_SEND = "**/proctorium.identity.v1.VerificationService/SubmitEvidence"
_SELFIE: FilePayload = {"name": "selfie.jpg", "mimeType": "image/jpeg", "buffer": selfie()}


async def test_missing_case_is_requested_with_backoff(stack: Stack, scenario: Scenario) -> None:
    client = LearnerClient(scenario.learners[0], scenario)
    await client.join()
    requested: asyncio.Queue[float] = asyncio.Queue()

    async def request_missing_case(route: Route) -> None:
        requested.put_nowait(asyncio.get_running_loop().time())
        await route.continue_(
            post_data=_envelope(
                GetCaseRequest(learner=LearnerInSession(session_id=scenario.course_id))
            )
        )

    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        page = learner.page
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await page.clock.install()
        await page.route(_CASE, request_missing_case)
        await page.goto(f"/sessions/{scenario.session_id}")
        times = [await asyncio.wait_for(requested.get(), 10) for _ in range(4)]
        await expect(page.get_by_text("Loading the identity check…")).to_be_visible()
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert all(pause > least for pause, least in zip(pauses, (0.4, 0.9, 1.9), strict=True))
        await page.unroute(_CASE)
        await page.clock.run_for(4_000)
        await expect(page.get_by_label("Photo of your identity document")).to_be_visible()
        assert learner.errors == []
    await client.close()


async def test_bug_in_the_page_is_not_reported_as_a_lost_connection(
    stack: Stack, scenario: Scenario
) -> None:
    async with lobby(stack, scenario) as learner:
        page = learner.page
        await page.evaluate(
            "() => { Blob.prototype.arrayBuffer = () => { throw new RangeError('broken'); }; }"
        )
        await page.get_by_label("Photo of yourself, now").set_input_files(_SELFIE)
        await expect(page.get_by_role("alert")).to_contain_text("Something went wrong on our side")
        assert [text for text in learner.errors if "RangeError: broken" not in text] == []
        assert learner.errors != []


async def test_photo_upload_times_out_after_a_minute(stack: Stack, scenario: Scenario) -> None:
    async with lobby(stack, scenario) as learner:
        page = learner.page
        sending = page.get_by_text("Sending your photo…")
        await page.route(_SEND, lambda _: None)
        await page.clock.install()
        await page.get_by_label("Photo of yourself, now").set_input_files(_SELFIE)
        await expect(sending).to_be_visible()
        await page.clock.run_for(55_000)
        await expect(sending).to_be_visible()
        await page.clock.run_for(5_000)
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("The photo could not be sent within a minute.")
        await learner.screenshot("photo-too-slow")
        await page.unroute(_SEND)
        await page.get_by_label("Photo of yourself, now").set_input_files(_SELFIE)
        await expect(page.get_by_text("Sent", exact=True)).to_be_visible()
        await expect(alert).to_have_count(0)
        assert learner.errors == []


@asynccontextmanager
async def lobby(stack: Stack, scenario: Scenario) -> AsyncIterator[Visitor]:
    """Yield a window that shows the lobby to a learner who has joined and has to submit photos."""
    client = LearnerClient(scenario.learners[0], scenario)
    await client.join()
    async with shared_browser() as opened:
        learner = await Visitor.open(opened, stack.url("edge"))
        await learner.sign_in(scenario.learners[0].email, scenario.learners[0].password)
        await learner.page.goto(f"/sessions/{scenario.session_id}")
        await expect(learner.page.get_by_label("Photo of yourself, now")).to_be_visible()
        yield learner
    await client.close()


def _envelope(request: GetCaseRequest) -> bytes:
    """Return the encoded request in a gRPC-Web frame."""
    message = request.SerializeToString()
    return b"\0" + len(message).to_bytes(4, "big") + message
