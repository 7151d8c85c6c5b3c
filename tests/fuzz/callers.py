"""Create the callers of one round, and the exams and sessions of these people.

The callers are the people of two sessions that this module runs. In one session, a learner has submitted the exam and
another learner is taking the exam. In the other session, a learner waits in the lobby. The channels of these people
record the requests of the sessions and the values in the responses. The sessions and the fuzzer use different client
addresses, so that the failed sign-ins of the fuzzer do not throttle the sign-ins of these people.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import httpx2
from google.protobuf.message import Message

from e2e.clients import LearnerClient, ProctorClient, correct_answer
from e2e.grpc_web import WebChannel
from e2e.own_pace import complete_self_paced_course
from e2e.scenario import Scenario, create_scenario
from fuzz.calls import Caller
from fuzz.messages import Templates
from fuzz.values import Known
from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR
from proctorium_devstack.demo import seed
from proctorium_devstack.demo.people import Person, SignIn, sign_in

SESSION_ADDRESS = "127.0.0.2"


class Recorder(WebChannel):
    """A channel that stores each request as a template, and stores the values in each response as known values."""

    def __init__(self, address: str, token: str | None, templates: Templates, known: Known) -> None:
        super().__init__(address, token)
        self._templates = templates
        self._known = known
        self.http = httpx2.AsyncClient(
            base_url=f"http://{address}",
            timeout=60,
            transport=httpx2.AsyncHTTPTransport(local_address=SESSION_ADDRESS),
        )

    def sent(self, method: str, body: bytes) -> None:
        """Store the request as a template, unless the request has the e-mail address of the demo administrator."""
        if seed.ADMINISTRATOR.email.encode() not in body:
            self._templates.add(method, body, self.token)

    def received(self, response: Message) -> None:
        """Store the values in the response."""
        self._known.learn(response)


async def create_callers(edge: str, templates: Templates, known: Known) -> list[Caller]:
    """Run the sessions; return their people and an anonymous caller. Raises the error of a step that fails."""

    def channel(address: str, token: str | None) -> Recorder:
        return Recorder(address, token, templates, known)

    running = await create_scenario(edge, learner_channels=(channel,) * 3, staff_channel=channel)
    lobby = await create_scenario(edge, learner_channels=(channel,), staff_channel=channel)
    administrators = [await _administrator(running, edge, channel) for _ in range(2)]
    await _run_session(running)
    waiting = LearnerClient(lobby.learners[0], lobby)
    await waiting.join()
    await waiting.close()
    people = {
        "learner": [*running.learners, *lobby.learners],
        "proctor": [running.proctor, lobby.proctor],
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
    for scenario in (running, lobby):
        await scenario.close()
    return [Caller("anonymous", web=WebChannel(edge)), *callers]


async def _administrator(
    scenario: Scenario, edge: str, channel: Callable[[str, str | None], Recorder]
) -> Person:
    """Create an administrator, sign the administrator in, and return the administrator."""
    email = f"fuzz.{secrets.token_hex(6)}@example.org"
    who = SignIn("administrator", "Ada Obi", email, secrets.token_urlsafe(12))
    await seed.ensure_person(scenario.administrator, who, [ROLE_ADMINISTRATOR])
    return await sign_in(edge, who.email, who.password, channel)


async def _run_session(scenario: Scenario) -> None:
    """Run the session until one learner has finished the exam, one is in the exam, and one waits for verification."""
    proctor = ProctorClient(scenario)
    learners = [LearnerClient(learner, scenario) for learner in scenario.learners]
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
    finished, in_progress = [await learner.start() for learner in learners[:2]]
    await learners[0].answer_all(finished)
    await learners[1].save(in_progress.items[0], correct_answer(in_progress.items[0]))
    await learners[0].submit()
    await complete_self_paced_course(scenario.administrator, scenario.learners[0])
    await learners[0].wait_for_certificate()
    await proctor.close()
    for learner in learners:
        await learner.close()
