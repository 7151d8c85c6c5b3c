"""`make pictures`: take the pictures of the README in a browser: the proctor's console and the exam room.

The pictures are written to docs/pictures, with at most 256 colours, so that each file is small.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Page

from e2e.browsing import Visitor, browser
from e2e.clients import LearnerClient, ProctorClient, correct_answer
from e2e.console import open_learner
from e2e.scenario import Scenario, create_scenario
from proctorium.session.v1.hands_pb2 import HAND_KIND_TECHNICAL, RaiseHandRequest
from proctorium.session.v1.messages_pb2 import SendMessageRequest
from proctorium_common.ids import new_id
from proctorium_devstack import demo_data
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.ports import PortPlan
from proctorium_devstack.stack import Stack

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
MAX_BYTES = 250_000
_COLOURS = 256
_LEARNERS = 6


async def main() -> int:
    """Play a session, take the pictures, and return the exit code."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with Stack.running(Path(folder), ports=PortPlan.free(), durable=False) as stack:
            await demo_data.load(stack)
            channels = (EdgeChannel,) * _LEARNERS
            scenario = await create_scenario(stack.address("edge"), learner_channels=channels)
            clients = await play(scenario)
            async with browser() as opened:
                await picture_console(opened, stack, scenario)
                await picture_exam_room(opened, stack, clients[0])
            for client in clients:
                await client.close()
            await scenario.close()
    return 0


async def play(scenario: Scenario) -> list[LearnerClient]:
    """Bring the learners into different states, and return the clients of those who joined."""
    clients = [LearnerClient(learner, scenario) for learner in scenario.learners[:-1]]
    proctor = ProctorClient(scenario)
    proctor.watch()
    for client in clients:
        await client.join()
    for client in clients[:3]:
        await proctor.verify(await client.send_evidence())
    await clients[3].send_evidence()
    await proctor.start()
    await proctor.authorize(*clients[:3])
    for client in clients[:3]:
        attempt = await client.start()
        await client.save(attempt.items[0], correct_answer(attempt.items[0]))
    await clients[1].answer_all(attempt)
    await clients[2].learner.hands.RaiseHand(
        RaiseHandRequest(session_id=scenario.session_id, kind=HAND_KIND_TECHNICAL)
    )
    await clients[2].learner.messages.SendMessage(
        SendMessageRequest(
            request_id=str(new_id()),
            session_id=scenario.session_id,
            participant_id=clients[2].participant_id,
            text="My screen flickers. May I change my seat?",
        )
    )
    await proctor.close()
    return clients


async def picture_console(opened: Browser, stack: Stack, scenario: Scenario) -> None:
    """Take the picture of the console, with the panel of the learner whose hand is raised."""
    proctor = await Visitor.open(opened, stack.url("edge"))
    await proctor.sign_in(scenario.proctor.email, scenario.proctor.password)
    await proctor.page.goto(f"/supervise/{scenario.session_id}")
    panel = await open_learner(proctor.page, scenario.learners[2].name)
    await panel.get_by_role("button", name="Answer").wait_for()
    await take(proctor.page, "console")


async def picture_exam_room(opened: Browser, stack: Stack, client: LearnerClient) -> None:
    """Take the picture of the exam room."""
    learner = await Visitor.open(opened, stack.url("edge"))
    await learner.sign_in(client.learner.email, client.learner.password)
    await learner.page.goto(f"/attempts/{client.attempt_id}")
    await learner.page.get_by_role("timer").wait_for()
    await take(learner.page, "exam-room")


async def take(page: Page, name: str) -> None:
    """Write a picture of the page; raise AssertionError if its file is too large."""
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.mouse.move(0, 0)
    taken = Image.open(io.BytesIO(await page.screenshot()))
    path = FOLDER / f"{name}.png"
    taken.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    print(f"wrote {path.name}, {size // 1000} kB")
    assert size <= MAX_BYTES, f"{path.name} has {size} bytes"


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
