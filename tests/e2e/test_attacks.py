"""Test that answers are saved in time and without retries while the edge is attacked.

`make attacks` runs each attack for longer.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import TypeAlias

import grpc
import pytest

from e2e.clients import LearnerClient, ProctorClient, correct_answer
from e2e.scenario import Scenario, create_scenario
from e2e.tokens import sign_tokens
from proctorium.assessment.v1.attempts_pb2 import (
    AnswerChange,
    Attempt,
    SaveAnswersRequest,
    StreamAnswersRequest,
)
from proctorium.enrollment.v1.people_pb2 import BatchGetNamesRequest
from proctorium.session.v1.supervision_pb2 import WatchRosterRequest
from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_common.tasks import end
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.http2 import (
    END_HEADERS,
    HEADERS,
    PREFACE,
    SETTINGS,
    Streams,
    frame,
    header_block,
)

# The longest attack holds its unfinished requests for 10 s and then closes them, 12.4 s after its start.
ATTACK_SECONDS = float(os.environ.get("PROCTORIUM_ATTACK_SECONDS", "15"))
SAVE_EVERY = 0.5
SLOWEST_SECONDS = 1.0
SAVE = "/proctorium.assessment.v1.AttemptService/SaveAnswers"
WATCHES = (
    "/proctorium.assessment.v1.AttemptService/WatchAttempt",
    "/proctorium.session.v1.LobbyService/WatchSession",
)
ROSTER = "/proctorium.session.v1.SupervisionService/WatchRoster"
EVIDENCE = "/proctorium.identity.v1.VerificationService/SubmitEvidence"
SIGN_IN = "/proctorium.enrollment.v1.AccountService/SignIn"
FORMER_LIMIT = 1024
STREAMS_OF_A_CONNECTION = 100
STREAMS_OF_A_PERSON = 10
OPEN_STREAMS = 2_000
MIB = 1024 * 1024

Call: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"
Attack = Callable[[], Awaitable[None]]


class Saver:
    """Saves answers of one learner twice a second, and records all durations and failures."""

    def __init__(self, learner: LearnerClient, attempt: Attempt, *, over_stream: bool) -> None:
        self._learner = learner
        self._attempt = attempt
        self._over_stream = over_stream
        self.durations: list[float] = []
        self.failures: list[str] = []

    async def run(self) -> None:
        """Save answers until cancelled."""
        save = self._stream() if self._over_stream else self._calls()
        while True:
            start = time.monotonic()
            try:
                refused = await anext(save)
            except ServiceError as failure:
                refused = f"{failure.reason}: {failure.message}"
                save = self._calls()
            self.durations.append(time.monotonic() - start)
            if refused:
                self.failures.append(refused)
            await asyncio.sleep(max(0.0, SAVE_EVERY - self.durations[-1]))

    def _request(self) -> SaveAnswersRequest:
        self._learner.sequence += 1
        item = self._attempt.items[self._learner.sequence % len(self._attempt.items)]
        change = AnswerChange(
            sequence=self._learner.sequence, item_id=item.item_id, answer=correct_answer(item)
        )
        return SaveAnswersRequest(attempt_id=self._attempt.attempt_id, changes=[change])

    async def _calls(self) -> AsyncIterator[str]:
        while True:
            await self._learner.learner.attempts.SaveAnswers(self._request())
            yield ""

    async def _stream(self) -> AsyncIterator[str]:
        requests: asyncio.Queue[SaveAnswersRequest] = asyncio.Queue()

        async def sent() -> AsyncIterator[StreamAnswersRequest]:
            while True:
                yield StreamAnswersRequest(save=await requests.get())

        responses = aiter(self._learner.learner.attempts.StreamAnswers(sent()))
        while True:
            requests.put_nowait(self._request())
            response = await anext(responses)
            yield response.refused.reason


class Attacked:
    """The attacked system, two learners who save answers, and the attacker."""

    def __init__(
        self, stack: Stack, scenario: Scenario, savers: Sequence[Saver], attacker: str
    ) -> None:
        self.stack = stack
        self.scenario = scenario
        self.savers = savers
        self.attacker = attacker

    async def withstands(self, *attacks: Attack) -> None:
        """Attack for ATTACK_SECONDS while answers are saved; raise AssertionError if a save fails or is slow."""
        for saver in self.savers:
            saver.durations, saver.failures = [], []
        saving = [asyncio.create_task(saver.run()) for saver in self.savers]
        attacking = [asyncio.create_task(_repeat(attack)) for attack in attacks]
        await asyncio.wait(
            [*saving, *attacking], timeout=ATTACK_SECONDS, return_when="FIRST_EXCEPTION"
        )
        ended = [task for task in (*saving, *attacking) if task.done()]
        for task in (*saving, *attacking):
            await end(task)
        for task in ended:
            task.result()
        for saver in self.savers:
            assert saver.failures == []
            assert len(saver.durations) > ATTACK_SECONDS
            assert _percentile(saver.durations, 0.99) <= SLOWEST_SECONDS

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection to the edge."""
        host, port = self.scenario.edge.rsplit(":", 1)
        return await asyncio.open_connection(host, int(port))


async def _repeat(attack: Attack) -> None:
    """Repeat an attack until cancelled, even if the edge closes the connection of the attacker."""
    while True:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await attack()


def _percentile(durations: Sequence[float], share: float) -> float:
    return sorted(durations)[min(len(durations) - 1, int(len(durations) * share))]


@pytest.fixture(scope="module")
async def attacked(stack: Stack) -> AsyncIterator[Attacked]:
    scenario = await create_scenario(stack.address("edge"), learner_channels=(EdgeChannel,) * 3)
    learners = [LearnerClient(learner, scenario) for learner in scenario.learners[:2]]
    proctor = ProctorClient(scenario)
    proctor.watch()
    for learner in learners:
        await learner.join()
        await proctor.verify(await learner.send_evidence())
    await proctor.start()
    for learner in learners:
        await learner.be_in_session()
    await proctor.authorize(*learners)
    attempts = [await learner.start() for learner in learners]
    savers = [
        Saver(learner, attempt, over_stream=number == 1)
        for number, (learner, attempt) in enumerate(zip(learners, attempts, strict=True))
    ]
    attacker = scenario.learners[2].token
    assert attacker is not None
    yield Attacked(stack, scenario, savers, attacker)
    await proctor.close()
    for learner in learners:
        await learner.close()
    await scenario.close()


async def test_saving_works_during_malformed_headers_and_unfinished_requests(
    attacked: Attacked,
) -> None:
    async def malformed() -> None:
        for header in ("grpc-timeout: 5", "grpc-encoding: odd", "x-odd-bin: abcde"):
            reader, writer = await attacked.connect()
            writer.write(_web_call(SIGN_IN, 5, header) + bytes(5))
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            writer.close()
            await asyncio.sleep(0.5)

    async def unfinished(token: str) -> None:
        async with AsyncExitStack() as opened:
            for number in range(FORMER_LIMIT // STREAMS_OF_A_CONNECTION + 2):
                _, writer = await attacked.connect()
                opened.callback(writer.close)
                writer.write(PREFACE + frame(SETTINGS, 0, 0, b""))
                method = WATCHES[number % len(WATCHES)]
                head = header_block(method, {"authorization": f"Bearer {token}"} if token else {})
                for stream in range(STREAMS_OF_A_CONNECTION):
                    writer.write(frame(HEADERS, END_HEADERS, 2 * stream + 1, head))
                await writer.drain()
                await asyncio.sleep(0.2)
            await asyncio.sleep(10)

    await attacked.withstands(
        malformed, lambda: unfinished(""), lambda: unfinished(attacked.attacker)
    )


async def test_saving_works_during_requests_with_many_violations(attacked: Attacked) -> None:
    async with grpc.aio.insecure_channel(attacked.scenario.edge) as channel:
        metadata = (("authorization", f"Bearer {attacked.attacker}"),)

        async def refused(method: str, request: bytes) -> None:
            call: Call = channel.unary_unary(method)
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await call(request, metadata=metadata, timeout=20)
            assert refusal.value.code() in {
                grpc.StatusCode.INVALID_ARGUMENT,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
            }

        async def violations() -> None:
            names = "/proctorium.enrollment.v1.PersonService/BatchGetNames"
            await refused(names, BatchGetNamesRequest(person_ids=["x"] * 500).SerializeToString())
            await refused(SAVE, b"\x12\x00" * 500)
            await asyncio.sleep(0.2)

        async def empty_elements() -> None:
            await refused(SAVE, b"\x12\x00" * 500_000)
            await refused(SAVE, b"\x12\x00" * 350_000)
            await asyncio.sleep(2)

        await attacked.withstands(violations, empty_elements)


async def test_saving_works_during_endless_bodies_and_many_open_streams(attacked: Attacked) -> None:
    people = [new_id() for _ in range(OPEN_STREAMS // STREAMS_OF_A_PERSON)]
    tokens = await sign_tokens(attacked.stack, people, ["administrator"])
    received: set[int] = set()
    host, port = attacked.scenario.edge.rsplit(":", 1)
    opened: list[Streams] = []
    request = WatchRosterRequest(session_id=attacked.scenario.session_id).SerializeToString()
    for first in range(0, OPEN_STREAMS, STREAMS_OF_A_CONNECTION):
        streams = await _open_streams(host, int(port), first, received)
        opened.append(streams)
        for stream in range(first, first + STREAMS_OF_A_CONNECTION):
            token = tokens[stream // STREAMS_OF_A_PERSON]
            streams.open(ROSTER, request, {"authorization": f"Bearer {token}"})
    async with asyncio.timeout(60):
        while len(received) < OPEN_STREAMS:
            assert [streams.failure for streams in opened if streams.failure] == []
            await asyncio.sleep(0.1)

    async def send_body(number: int, connections: AsyncExitStack) -> None:
        with suppress(ConnectionError, TimeoutError):
            _, writer = await attacked.connect()
            connections.callback(writer.close)
            method = EVIDENCE if number % 2 else SIGN_IN
            writer.write(_web_call(method, 16 * MIB, f"authorization: Bearer {attacked.attacker}"))
            for _ in range(8):
                writer.write(bytes(MIB))
                await asyncio.wait_for(writer.drain(), 1)

    async def endless() -> None:
        async with AsyncExitStack() as connections:
            await asyncio.gather(*(send_body(number, connections) for number in range(40)))
            await asyncio.sleep(5)

    await attacked.withstands(endless)
    assert [streams.failure for streams in opened if streams.failure] == []
    for streams in opened:
        streams.close()


async def _open_streams(host: str, port: int, first: int, received: set[int]) -> Streams:
    loop = asyncio.get_running_loop()
    _, streams = await loop.create_connection(
        lambda: Streams(first, lambda number, *_: received.add(number)), host, port
    )
    return streams


def _web_call(method: str, size: int, *headers: str) -> bytes:
    lines = [
        f"POST {method} HTTP/1.1",
        "host: localhost",
        "content-type: application/grpc-web+proto",
        f"content-length: {size}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"
