"""Measure how fast proctors and learners see each other's actions in a session of 300 learners.

`roster_event_p99_ms` is the time from a learner's call of `RaiseHand` until the proctor's stream of the roster shows
the hand. `chat_p99_ms` is the same time for a message. `pause_all_300_ms` is the time from the proctor's call of
`PauseParticipants` until the last stream of the session shows the pause. `pause_300_attempts_ms` is the time until the
last stream of an attempt shows the stopped clock. The assessment service stops the clock when it receives an event of
the session service.

The limit is a bare server that sends a PostgreSQL notification (NOTIFY) in a call, receives it (LISTEN), and writes one
encoded message to each stream. There is one stream for a hand or a message, and one for each learner for a pause.

`python -m e2e.bench.supervision` prints the table. The other commands run the processes that the measurement starts.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from statistics import quantiles
from typing import Any
from uuid import UUID

import asyncpg
import grpc
import uvloop

from e2e.bench import harness
from e2e.bench.fanout import STREAMS_PER_CONNECTION
from e2e.bench.harness import Figure, Harness
from e2e.bench.learners import publish_assessment
from e2e.bench.lobbies import fill, open_lobby
from proctorium.assessment.v1.attempts_pb2 import (
    CLOCK_STATE_PAUSED,
    WatchAttemptRequest,
    WatchAttemptResponse,
)
from proctorium.session.v1.hands_pb2 import HAND_KIND_HELP, RaiseHandRequest
from proctorium.session.v1.hands_pb2_grpc import HandServiceStub
from proctorium.session.v1.lobby_pb2 import (
    PARTICIPANT_STATE_PAUSED,
    WatchSessionRequest,
    WatchSessionResponse,
)
from proctorium.session.v1.messages_pb2 import SendMessageRequest
from proctorium.session.v1.messages_pb2_grpc import MessageServiceStub
from proctorium.session.v1.sessions_pb2 import StartSessionRequest
from proctorium.session.v1.sessions_pb2_grpc import SessionServiceStub
from proctorium.session.v1.supervision_pb2 import (
    PauseParticipantsRequest,
    ResumeParticipantsRequest,
    WatchRosterRequest,
    WatchRosterResponse,
)
from proctorium.session.v1.supervision_pb2_grpc import SupervisionServiceStub
from proctorium_access.certifications import store_missing_certifications
from proctorium_assessment.domain.attempts import Attempt
from proctorium_assessment.storage import attempts
from proctorium_common.ids import new_id
from proctorium_common.rpc.client import channel
from proctorium_common.security.keys import SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_common.storage.database import Database
from proctorium_devstack.testing.http2 import Streams

LEARNERS = 300
ROUNDS = 5
ACTIONS = 50
"""The number of hands and of messages in each round; each is of another learner, so that no learner is slowed down."""
_MODULE = "e2e.bench.supervision"
_SESSION, _ATTEMPT = (
    "/proctorium.session.v1.LobbyService/WatchSession",
    "/proctorium.assessment.v1.AttemptService/WatchAttempt",
)
_BARE_SERVICE = "bench.Bare"
_BARE_WATCH, _BARE_ACT = f"/{_BARE_SERVICE}/Watch", f"/{_BARE_SERVICE}/Act"
_BARE_MESSAGE = bytes(600)
"""A message about as large as a changed row of the roster, or as a learner's view."""
_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Watching:
    """A learner: the participant, the attempt, and the token."""

    participant_id: str
    attempt_id: str
    token: str


@dataclass(frozen=True)
class Load:
    """The parameters of the load process, which measures one `action`: hand, chat, pause or attempts.

    `address` is the address of the session service, or of the bare server if `session_id` is empty.
    """

    action: str
    address: str
    session_id: str = ""
    proctor_token: str = ""
    assessment_address: str = ""
    actions: int = ACTIONS
    learners: tuple[Watching, ...] = field(default=())


async def measure(
    *, rounds: int = ROUNDS, learners: int = LEARNERS, actions: int = ACTIONS
) -> list[Figure]:
    """Measure the limit and the services in turn; return the figures."""
    async with harness.start_harness() as bench:
        limit, ours = await _set(bench, learners, actions)
        samples: dict[str, list[tuple[float, float]]] = {}
        for number in range(rounds):
            for action in ("hand", "chat", "pause", "attempts"):
                bare = await _run(replace(limit, action=action))
                samples.setdefault(action, []).append(
                    (await _run(replace(_turned(ours, number * actions), action=action)), bare)
                )
    names = {
        "hand": "roster_event_p99_ms",
        "chat": "chat_p99_ms",
        "pause": f"pause_all_{learners}_ms",
        "attempts": f"pause_{learners}_attempts_ms",
    }
    return [
        Figure.of(names[action], "ms", *(statistics.median(each) for each in zip(*of, strict=True)))
        for action, of in samples.items()
    ]


def _turned(load: Load, first: int) -> Load:
    """Return the parameters with another learner in the first place, so that each round uses other learners."""
    first %= len(load.learners)
    return replace(load, learners=(*load.learners[first:], *load.learners[:first]))


async def _run(load: Load) -> float:
    async with harness.load_process(_MODULE) as process:
        out, _ = await process.communicate(json.dumps(asdict(load)).encode())
    if process.returncode:
        raise RuntimeError("the load failed; its output is above")
    return float(out)


async def _set(bench: Harness, count: int, actions: int) -> tuple[Load, Load]:
    """Start the servers, and a session whose learners have started an attempt; return the parameters of both loads."""
    key = SigningKey.generate()
    signer = TokenSigner(key, lifetime=timedelta(hours=2))
    session_url = await bench.database("proctorium_session", [key.public])
    assessment_url = await bench.database("proctorium_assessment", [key.public])
    limit = await bench.start_limit(_MODULE, await bench.postgres.ensure_database("bare"))
    assessment = await bench.serve("proctorium_assessment", assessment_url)
    service = await bench.serve("proctorium_session", session_url)
    session_id, proctor_id = new_id(), new_id()
    person_ids = [new_id() for _ in range(count)]
    database = Database(session_url)
    async with database.transaction() as tx:
        await store_missing_certifications(tx, {proctor_id: tx.now + timedelta(days=1)})
    participant_ids = await fill(
        database, open_lobby(session_id, capacity=count, proctor_id=proctor_id), person_ids
    )
    await database.close()
    token = signer.sign(proctor_id, ["proctor"]).text
    async with channel(service, bearer=lambda: token) as opened:
        await SessionServiceStub(opened).StartSession(
            StartSessionRequest(session_id=str(session_id)), wait_for_ready=True
        )
    assessment_id = UUID(await publish_assessment(assessment, signer))
    pairs = list(zip(person_ids, participant_ids, strict=True))
    attempt_ids = await _start_attempts(assessment_url, assessment_id, session_id, pairs)
    learners = tuple(
        Watching(str(participant_id), str(attempt_id), signer.sign(person_id, ["learner"]).text)
        for (person_id, participant_id), attempt_id in zip(pairs, attempt_ids, strict=True)
    )
    ours = Load("", service, str(session_id), token, assessment, actions, learners)
    return Load("", limit, actions=actions, learners=learners), ours


async def _start_attempts(
    url: str, assessment_id: UUID, session_id: UUID, people: Sequence[tuple[UUID, UUID]]
) -> list[UUID]:
    """Store an attempt in progress for each person and participant; return the ids of the attempts."""
    database = Database(url)
    async with database.transaction() as tx:
        new = [
            Attempt.in_session(
                new_id(),
                assessment_id=assessment_id,
                person_id=person_id,
                session_id=session_id,
                participant_id=participant_id,
                now=tx.now,
            )
            for person_id, participant_id in people
        ]
        for each in new:
            await attempts.insert_attempt(tx, each)
        authorized = [each.authorize() for each in new]
        await attempts.update_attempts(tx, authorized)
        await attempts.update_attempts(
            tx, [each.start(timedelta(hours=2), tx.now) for each in authorized]
        )
    await database.close()
    return [each.attempt_id for each in new]


# The code below runs in the load process.


async def _measure_action(load: Load) -> float:
    """Return the measured time in milliseconds."""
    if load.action in {"hand", "chat"}:
        return await (_bare_events(load) if not load.session_id else _events(load))
    return await (_bare_pause(load) if not load.session_id else _pause(load))


def _p99_ms(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=100, method="inclusive")[98] * 1000


async def _bare_events(load: Load) -> float:
    """Return the p99 from the call of the bare server to the message on its only stream."""
    async with grpc.aio.insecure_channel(load.address) as opened:
        act: Callable[..., Awaitable[bytes]] = opened.unary_unary(_BARE_ACT)
        watch: Callable[..., grpc.aio.UnaryStreamCall[bytes, bytes]] = opened.unary_stream(
            _BARE_WATCH
        )
        stream = watch(b"")
        await stream.read()
        seconds = []
        for _ in range(load.actions):
            start = time.monotonic()
            call = asyncio.ensure_future(act(b""))
            await stream.read()
            seconds.append(time.monotonic() - start)
            await call
        stream.cancel()
    return _p99_ms(seconds)


async def _events(load: Load) -> float:
    """Return the p99 from the learner's call to the proctor's stream, while all learners watch the session."""
    watchers = await _watch_all(load, _SESSION)
    async with (
        channel(load.address, bearer=lambda: load.proctor_token) as proctor,
        grpc.aio.insecure_channel(load.address) as learners,
    ):
        roster = Roster(
            SupervisionServiceStub(proctor).WatchRoster(
                WatchRosterRequest(session_id=load.session_id)
            )
        )
        await roster.opened.wait()
        seconds = []
        for learner in load.learners[: load.actions]:
            arrived = roster.expect(learner.participant_id)
            start = time.monotonic()
            call = _act(load, learners, learner)
            seconds.append(await arrived - start)
            await call
        await roster.close()
    watchers.close()
    return _p99_ms(seconds)


def _act(load: Load, opened: grpc.aio.Channel, learner: Watching) -> Awaitable[Any]:
    """Raise the learner's hand or send a message as the learner."""
    metadata = (("authorization", f"Bearer {learner.token}"),)
    if load.action == "hand":
        raised = RaiseHandRequest(session_id=load.session_id, kind=HAND_KIND_HELP)
        return asyncio.ensure_future(HandServiceStub(opened).RaiseHand(raised, metadata=metadata))
    message = SendMessageRequest(
        session_id=load.session_id, participant_id=learner.participant_id, text="Hello"
    )
    return asyncio.ensure_future(MessageServiceStub(opened).SendMessage(message, metadata=metadata))


class Roster:
    """The proctor's stream of the roster, which is read in the background."""

    def __init__(self, stream: Any) -> None:
        self.opened = asyncio.Event()
        self._expected = ""
        self._arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.ensure_future(self._read(stream))

    def expect(self, participant_id: str) -> asyncio.Future[float]:
        """Return a future of the time at which the next raised hand or message of a participant arrives."""
        self._expected = participant_id
        self._arrived = asyncio.get_running_loop().create_future()
        return self._arrived

    async def close(self) -> None:
        """Stop reading."""
        self._reading.cancel()
        await asyncio.wait([self._reading])

    async def _read(self, stream: Any) -> None:
        view: WatchRosterResponse
        async for view in stream:
            self.opened.set()
            changed = {each.participant_id for each in view.messages}
            if view.HasField("participant") and view.participant.HasField("hand"):
                changed.add(view.participant.participant_id)
            if self._expected in changed and not self._arrived.done():
                self._arrived.set_result(time.monotonic())


class Watchers:
    """The streams of all learners, and the newest message of each stream with its arrival."""

    def __init__(self, count: int) -> None:
        self.connections: list[Streams] = []
        self.newest: list[tuple[bytes, float]] = [(b"", 0.0)] * count

    def received(self, number: int, message: bytes, at: float) -> None:
        """Store the message of the stream `number`."""
        self.newest[number] = (message, at)

    async def until_all(self, awaited: Callable[[bytes, float], bool]) -> float:
        """Wait until the newest message of each stream meets `awaited`; return the arrival of the last one."""
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            while not all(at and awaited(message, at) for message, at in self.newest):
                for failure in (each.failure for each in self.connections if each.failure):
                    raise RuntimeError(failure)
                await asyncio.sleep(0.02)
        return max(at for _, at in self.newest)

    def close(self) -> None:
        """Close all connections."""
        for each in self.connections:
            each.close()


async def _watch_all(load: Load, method: str) -> Watchers:
    """Open the stream of each learner, and wait for the first message of each."""
    watchers = Watchers(len(load.learners))
    loop = asyncio.get_running_loop()
    address = load.assessment_address if method == _ATTEMPT else load.address
    host, _, port = address.rpartition(":")
    for first in range(0, len(load.learners), STREAMS_PER_CONNECTION):
        streams = Streams(first, watchers.received)
        await loop.create_connection(lambda streams=streams: streams, host, int(port))  # type: ignore[misc]
        for learner in load.learners[first : first + STREAMS_PER_CONNECTION]:
            streams.open(
                method,
                _watch_request(load, method, learner),
                {"authorization": f"Bearer {learner.token}"},
            )
        watchers.connections.append(streams)
    await watchers.until_all(lambda _, __: True)
    return watchers


def _watch_request(load: Load, method: str, learner: Watching) -> bytes:
    if method == _ATTEMPT:
        return WatchAttemptRequest(attempt_id=learner.attempt_id).SerializeToString()
    return WatchSessionRequest(session_id=load.session_id).SerializeToString()


async def _pause(load: Load) -> float:
    """Pause the session; return the time until the last stream shows it. Then resume the session."""
    method = _ATTEMPT if load.action == "attempts" else _SESSION
    paused = _clock_stands if load.action == "attempts" else _shown_as_paused
    watchers = await _watch_all(load, method)
    async with channel(load.address, bearer=lambda: load.proctor_token) as opened:
        supervision = SupervisionServiceStub(opened)
        await watchers.until_all(lambda message, _: not paused(message))
        start = time.monotonic()
        request = PauseParticipantsRequest(session_id=load.session_id, pause_reason="Fire alarm.")
        await supervision.PauseParticipants(request)
        last = await watchers.until_all(lambda message, _: paused(message))
        await supervision.ResumeParticipants(ResumeParticipantsRequest(session_id=load.session_id))
        await watchers.until_all(lambda message, _: not paused(message))
    watchers.close()
    return (last - start) * 1000


def _shown_as_paused(message: bytes) -> bool:
    participant = WatchSessionResponse.FromString(message).participant
    return participant.state == PARTICIPANT_STATE_PAUSED


def _clock_stands(message: bytes) -> bool:
    return WatchAttemptResponse.FromString(message).attempt.clock_state == CLOCK_STATE_PAUSED


async def _bare_pause(load: Load) -> float:
    """Return the time from the call of the bare server until the last of its streams has received the message."""
    watchers = await _watch_all(load, _BARE_WATCH)
    async with grpc.aio.insecure_channel(load.address) as opened:
        act: Callable[..., Awaitable[bytes]] = opened.unary_unary(_BARE_ACT)
        start = time.monotonic()
        await act(b"")
        last = await watchers.until_all(lambda _, at: at > start)
    watchers.close()
    return (last - start) * 1000


# The code below is the limit: a minimal server whose streams wait for one PostgreSQL notification.


class Bare:
    """The methods of the bare server."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._notified: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def notify(self, *_: object) -> None:
        """Wake all streams."""
        notified, self._notified = self._notified, asyncio.get_running_loop().create_future()
        notified.set_result(None)

    async def act(self, request: bytes, context: object) -> bytes:
        """Send a notification to PostgreSQL."""
        await self._pool.execute("SELECT pg_notify('bare', '')")
        return b""

    async def watch(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        """Send one message immediately, and one message for each notification."""
        while True:
            notified = self._notified
            await context.write(_BARE_MESSAGE)
            await asyncio.shield(notified)


async def _serve_limit(address: str, url: str) -> None:
    plain = url.replace("+asyncpg", "")
    pool = await asyncpg.create_pool(plain, min_size=2, max_size=10)
    bare = Bare(pool)
    listening = await asyncpg.connect(plain)
    await listening.add_listener("bare", bare.notify)
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Act": grpc.unary_unary_rpc_method_handler(bare.act),
        "Watch": grpc.unary_stream_rpc_method_handler(bare.watch),
    }
    await harness.serve_limit(address, _BARE_SERVICE, methods)


def main(arguments: Sequence[str]) -> None:
    """Run the bare server, the load process or the whole measurement."""
    match arguments:
        case ["limit", address, url]:
            uvloop.run(_serve_limit(address, url))
        case ["load"]:
            given = json.loads(sys.stdin.read())
            learners = tuple(Watching(**each) for each in given.pop("learners"))
            print(uvloop.run(_measure_action(Load(**given, learners=learners))))
        case _:
            harness.print_table(asyncio.run(measure()))


if __name__ == "__main__":
    main(sys.argv[1:])
