"""The callers of one round and their resources: an exam in progress, a finished one, a planned session.

All is made by the story of an examination, over channels that record its requests and what the answers name. The
story's people call from an address of their own, so that wrong passwords of the fuzz do not delay their sign-ins.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import httpx2
from google.protobuf.message import Message

from e2e.grpc_web import WebChannel
from e2e.stage import Stage, set_stage
from e2e.story import LearnerStory, ProctorStory, right_answer
from fuzz.calls import Caller
from fuzz.messages import Templates
from fuzz.values import Known
from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR
from proctorium_devstack.demo import seed
from proctorium_devstack.demo.people import Person, SignIn, sign_in

STORY_ADDRESS = "127.0.0.2"


class Recorder(WebChannel):
    """A channel of the story's people: keeps its requests as templates and learns from the answers."""

    def __init__(self, address: str, token: str | None, templates: Templates, known: Known) -> None:
        super().__init__(address, token)
        self._templates = templates
        self._known = known
        self.http = httpx2.AsyncClient(
            base_url=f"http://{address}",
            timeout=60,
            transport=httpx2.AsyncHTTPTransport(local_address=STORY_ADDRESS),
        )

    def sent(self, method: str, body: bytes) -> None:
        """Keep the request as a template, unless it is the demo administrator's."""
        if seed.ADMINISTRATOR.email.encode() not in body:
            self._templates.add(method, body, self.token)

    def received(self, answer: Message) -> None:
        """Learn from the answer."""
        self._known.learn(answer)


async def play(edge: str, templates: Templates, known: Known) -> list[Caller]:
    """Play the story of an examination; return its people as callers. Raises where a step of the story fails."""

    def channel(address: str, token: str | None) -> Recorder:
        return Recorder(address, token, templates, known)

    examined = await set_stage(edge, learner_channels=(channel,) * 3, staff_channel=channel)
    lobby = await set_stage(edge, learner_channels=(channel,), staff_channel=channel)
    administrators = [await _administrator(examined, edge, channel) for _ in range(2)]
    await _examine(examined)
    waiting = LearnerStory(lobby.learners[0], lobby)
    await waiting.join()
    await waiting.close()
    people = {
        "learner": [*examined.learners, *lobby.learners],
        "proctor": [examined.proctor, lobby.proctor],
        "administrator": administrators,
    }
    callers = [
        Caller(
            f"{role} {number}",
            frozenset({role}),
            person.token,
            person.person_id,
            web=WebChannel(edge, person.token),
        )
        for role, all_of_role in people.items()
        for number, person in enumerate(all_of_role)
    ]
    for person in administrators:
        await person.close()
    for stage in (examined, lobby):
        await stage.close()
    return [Caller("anonymous", web=WebChannel(edge)), *callers]


async def _administrator(
    stage: Stage, edge: str, channel: Callable[[str, str | None], Recorder]
) -> Person:
    """Return a new administrator who has signed in."""
    email = f"fuzz.{secrets.token_hex(6)}@example.org"
    who = SignIn("administrator", "Ada Obi", email, secrets.token_urlsafe(12))
    await seed.ensure_person(stage.administrator, who, [ROLE_ADMINISTRATOR])
    return await sign_in(edge, who.email, who.password, channel)


async def _examine(stage: Stage) -> None:
    """Let one learner finish the exam, a second one sit it, and a third one wait for their identity to be verified."""
    proctor = ProctorStory(stage)
    learners = [LearnerStory(learner, stage) for learner in stage.learners]
    proctor.watch()
    cases = []
    for learner in learners:
        await learner.join()
        cases.append(await learner.send_evidence())
    for case in cases[:2]:
        await proctor.verify(case)
    await proctor.start()
    await learners[0].open_lesson_eventually()
    await proctor.authorize(*learners[:2])
    finished, sitting = [await learner.begin() for learner in learners[:2]]
    await learners[0].answer_all(finished)
    await learners[1].save(sitting.items[0], right_answer(sitting.items[0]))
    await learners[0].submit()
    await learners[0].see_result()
    await learners[0].fetch_certificate()
    await proctor.close()
    for learner in learners:
        await learner.close()
