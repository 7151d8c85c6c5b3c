"""What a learner sees in the lobby while the system is behind, and what their page asks of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

from playwright.async_api import FilePayload, Route, expect

from e2e.browsing import Visitor, browser
from e2e.pictures import selfie
from e2e.stage import Stage
from e2e.story import LearnerStory
from proctorium.identity.v1.verification_pb2 import GetCaseRequest, LearnerInSession
from proctorium_devstack.stack import Stack

_CASE = "**/proctorium.identity.v1.VerificationService/GetCase"
_SEND = "**/proctorium.identity.v1.VerificationService/SubmitEvidence"
_SELFIE: FilePayload = {"name": "selfie.jpg", "mimeType": "image/jpeg", "buffer": selfie()}


async def test_a_case_that_is_not_there_yet_is_asked_for_ever_more_seldom(
    stack: Stack, stage: Stage
) -> None:
    story = LearnerStory(stage.learners[0], stage)
    await story.join()
    asked: asyncio.Queue[float] = asyncio.Queue()

    async def before_it_is_there(route: Route) -> None:
        asked.put_nowait(asyncio.get_running_loop().time())
        await route.continue_(
            post_data=_envelope(
                GetCaseRequest(learner=LearnerInSession(session_id=stage.course_id))
            )
        )

    async with browser() as opened:
        learner = await Visitor.arrive(opened, stack.url("edge"))
        page = learner.page
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        await page.clock.install()
        await page.route(_CASE, before_it_is_there)
        await page.goto(f"/sessions/{stage.session_id}")
        times = [await asyncio.wait_for(asked.get(), 10) for _ in range(4)]
        await expect(page.get_by_text("Loading the identity check…")).to_be_visible()
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert all(pause > least for pause, least in zip(pauses, (0.4, 0.9, 1.9), strict=True))
        await page.unroute(_CASE)
        await page.clock.run_for(4_000)
        await expect(page.get_by_label("Photo of your identity document")).to_be_visible()
        assert learner.complaints == []
    await story.close()


async def test_a_mistake_of_the_pages_is_not_called_a_lost_connection(
    stack: Stack, stage: Stage
) -> None:
    async with lobby(stack, stage) as learner:
        page = learner.page
        await page.evaluate(
            "() => { Blob.prototype.arrayBuffer = () => { throw new RangeError('broken'); }; }"
        )
        await page.get_by_label("Photo of yourself, now").set_input_files(_SELFIE)
        await expect(page.get_by_role("alert")).to_contain_text("Something went wrong on our side")
        assert [text for text in learner.complaints if "RangeError: broken" not in text] == []
        assert learner.complaints != []


async def test_a_picture_has_a_minute_to_get_through(stack: Stack, stage: Stage) -> None:
    async with lobby(stack, stage) as learner:
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
        await learner.picture("picture-too-slow")
        await page.unroute(_SEND)
        await page.get_by_label("Photo of yourself, now").set_input_files(_SELFIE)
        await expect(page.get_by_text("Sent", exact=True)).to_be_visible()
        await expect(alert).to_have_count(0)
        assert learner.complaints == []


@asynccontextmanager
async def lobby(stack: Stack, stage: Stage) -> AsyncIterator[Visitor]:
    """A learner who has joined and has to submit photos."""
    story = LearnerStory(stage.learners[0], stage)
    await story.join()
    async with browser() as opened:
        learner = await Visitor.arrive(opened, stack.url("edge"))
        await learner.sign_in(stage.learners[0].email, stage.learners[0].password)
        await learner.page.goto(f"/sessions/{stage.session_id}")
        await expect(learner.page.get_by_label("Photo of yourself, now")).to_be_visible()
        yield learner
    await story.close()


def _envelope(request: GetCaseRequest) -> bytes:
    """A message as gRPC-Web frames it."""
    message = request.SerializeToString()
    return b"\0" + len(message).to_bytes(4, "big") + message
