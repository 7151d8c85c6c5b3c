"""Measure how long it takes until all learners who watch a session know that it has started (the fan-out).

The figure is the time in milliseconds from the commit that starts the session until the last learner has received the
new state. The time of the commit is the time at which PostgreSQL's notification (LISTEN) arrives. The limit is a bare
server in which all streams wait for one future with one encoded message. For the limit, the figure is the time from
setting the future until the last stream has received the message.

Both servers send to the same kind of load process. The load process opens 100 streams per connection. It stores the
received bytes and parses them later. `fanout_1000_edge` measures the same time through the edge, through which browsers
connect. In this measurement, the service and the bare server have certificates, and each of them is behind its own
edge. Both edges run on the core of the servers.

`python -m e2e.bench.fanout` prints the table. The other commands run the processes that the measurement starts.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import grpc
import uvloop

from e2e.bench import harness
from e2e.bench.harness import Figure, Harness
from e2e.bench.lobbies import fill, open_lobby
from proctorium.session.v1 import lobby_pb2, sessions_pb2, sessions_pb2_grpc
from proctorium_access.certifications import store_missing_certifications
from proctorium_common.ids import new_id
from proctorium_common.rpc.client import channel
from proctorium_common.security.keys import SigningKey
from proctorium_common.security.tls import Certificates
from proctorium_common.security.tokens import TokenSigner
from proctorium_common.storage.database import Database
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.ports import LOOPBACK, free_ports
from proctorium_devstack.testing.http2 import Streams
from proctorium_session.api.messages import progress_message, session_message
from proctorium_session.domain.progress import Progress
from proctorium_session.domain.sessions import Session
from proctorium_session.operations.changes import CHANNEL

SERVICE = "proctorium.session.v1.LobbyService"
WATCH = f"/{SERVICE}/WatchSession"
FIRE = f"/{SERVICE}/Fire"
"""The method of the bare server that notifies its streams.

The bare server uses the name of our service, because the edge forwards no other services.
"""
SIZES = (1000, 5000)
EDGE_SIZE = 1000
ROUNDS = 5
STREAMS_PER_CONNECTION = 100
_MODULE = "e2e.bench.fanout"
_READY = "ready"
_RECHECK_SECONDS, _TIMEOUT_SECONDS = 0.2, 60.0


@dataclass(frozen=True)
class Load:
    """The parameters of the load process: address, method, session, and a token for each stream."""

    address: str
    method: str
    session_id: str
    tokens: tuple[str, ...]


async def measure(
    *, rounds: int = ROUNDS, sizes: Sequence[int] = SIZES, edge_size: int = EDGE_SIZE
) -> list[Figure]:
    """Measure the fan-out for each number of learners in `sizes`, and through the edge for `edge_size` learners.

    Returns the figures. Each round measures the limit first and then the service, with a new session.
    """
    async with harness.start_harness() as bench:
        fanout = await _set(bench)
        figures = [await fanout.measure(f"fanout_{size}", size, rounds) for size in sizes]
    async with harness.start_harness(broker=Nats) as bench:
        fanout = await _set_behind_edge(bench)
        figures.append(await fanout.measure(f"fanout_{edge_size}_edge", edge_size, rounds))
    return figures


@dataclass
class Fanout:
    """The two servers, and the signer of tokens.

    The streams connect to the addresses `limit` and `service`, which are addresses of edges if edges are used. `fire`
    is always the address of the bare server itself.
    """

    fire: str
    limit: str
    service: str
    database_url: str
    signer: TokenSigner

    async def measure(self, name: str, size: int, rounds: int) -> Figure:
        """Return the figure with the medians of `rounds` rounds, in which `size` learners watch the session."""
        ours, limits = [], []
        for _ in range(rounds):
            # Each session has its own proctor, because a proctor cannot supervise two sessions at a time.
            proctor_id, session_id = new_id(), new_id()
            tokens = await self._fill(session_id, proctor_id, size)
            limits.append(await self._limit(tokens))
            ours.append(await self._start(session_id, proctor_id, tokens))
        figure, limit = statistics.median(ours), statistics.median(limits)
        return Figure.of(name, "ms", figure * 1000, limit * 1000)

    async def _limit(self, tokens: tuple[str, ...]) -> float:
        async with grpc.aio.insecure_channel(self.fire) as opened:
            fire: Callable[..., Awaitable[bytes]] = opened.unary_unary(FIRE)
            load = Load(self.limit, WATCH, "", tokens)
            async with _watching(load) as last:
                return await last(float(await fire(b"")))

    async def _start(self, session_id: UUID, proctor_id: UUID, tokens: tuple[str, ...]) -> float:
        token = self.signer.sign(proctor_id, ["proctor"]).text
        load = Load(self.service, WATCH, str(session_id), tokens)
        async with (
            channel(self.service, bearer=lambda: token) as opened,
            _watching(load) as last,
        ):
            stub = sessions_pb2_grpc.SessionServiceStub(opened)
            return await last(await self._committed(stub, session_id))

    async def _committed(
        self, stub: sessions_pb2_grpc.SessionServiceStub, session_id: UUID
    ) -> float:
        """Start the session; return the time at which PostgreSQL notified of the commit."""
        committed: asyncio.Future[float] = asyncio.get_running_loop().create_future()

        def on_notify(_: object, __: int, ___: str, changed: object) -> None:
            if changed == str(session_id) and not committed.done():
                committed.set_result(time.monotonic())

        listening = await asyncpg.connect(self.database_url)
        await listening.add_listener(CHANNEL, on_notify)
        try:
            request = sessions_pb2.StartSessionRequest(session_id=str(session_id))
            await stub.StartSession(request)
            return await committed
        finally:
            await listening.close()

    async def _fill(self, session_id: UUID, proctor_id: UUID, size: int) -> tuple[str, ...]:
        """Store the session with `size` learners in its open lobby; return the tokens of the learners."""
        session = open_lobby(session_id, capacity=size, proctor_id=proctor_id)
        person_ids = [new_id() for _ in range(size)]
        database = Database(self.database_url)
        try:
            async with database.transaction() as tx:
                certified = {proctor_id: tx.now + timedelta(days=1)}
                await store_missing_certifications(tx, certified)
            await fill(database, session, person_ids)
        finally:
            await database.close()
        return tuple(self.signer.sign(each, ["learner"]).text for each in person_ids)


async def _set(bench: Harness) -> Fanout:
    key = SigningKey.generate()
    url = await bench.database("proctorium_session", [key.public])
    # The start of a session needs no other service.
    service = await bench.serve("proctorium_session", url)
    limit = await bench.start_limit(_MODULE)
    return Fanout(limit, limit, service, url, TokenSigner(key, lifetime=timedelta(hours=2)))


async def _set_behind_edge(bench: Harness) -> Fanout:
    """Start both servers with certificates, and one edge in front of each server."""
    key = SigningKey.generate()
    url = await bench.database("proctorium_session", [key.public])
    service = await bench.serve("proctorium_session", url, bench.tls("session"))
    (port,) = free_ports(1)
    secure = f"{LOOPBACK}:{port}"
    fire = await bench.start_limit(_MODULE, secure, *bench.tls("session").values())
    limit, ours = [
        await bench.serve_edge({"session": each}, [key.public]) for each in (secure, service)
    ]
    return Fanout(fire, limit, ours, url, TokenSigner(key, lifetime=timedelta(hours=2)))


# The code below runs in the load process.

Last = Callable[[float], Awaitable[float]]


@asynccontextmanager
async def _watching(load: Load) -> AsyncIterator[Last]:
    """Keep all streams open within the block; yield a function that measures the fan-out.

    The function takes a start time and waits until all streams have received the state In Session. It returns the
    seconds from the start time until the last stream received the state.
    """
    async with harness.load_process(_MODULE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        output = process.stdout
        process.stdin.write(json.dumps(asdict(load)).encode())
        process.stdin.write_eof()
        if (await output.readline()).decode().strip() != _READY:
            raise RuntimeError("the load failed; its output is above")

        async def last(start: float) -> float:
            return float(await output.readline()) - start

        yield last


class Watchers:
    """All streams of the load process, and the newest message of each stream."""

    def __init__(self, count: int) -> None:
        self.connections: list[Streams] = []
        self._newest: list[bytes] = [b""] * count
        self._expected = count
        self._unread = 0
        self._last = 0.0
        self._enough = asyncio.Event()

    def received(self, number: int, message: bytes, at: float) -> None:
        """Store the message of the stream `number`; the message is parsed later, so that receiving is fast."""
        self._newest[number] = message
        self._last = at
        self._unread += 1
        if self._unread >= self._expected:
            self._enough.set()

    async def all_are(
        self,
        awaited: Callable[[lobby_pb2.Participant], bool],
        first: int = 0,
        count: int | None = None,
    ) -> float:
        """Wait until `awaited` is true for the newest message of each stream; return the time of the last message.

        If `count` is given, check only `count` streams, from the index `first`. Raises RuntimeError if a stream fails.
        """
        end = None if count is None else first + count
        while not all(m and awaited(_participant(m)) for m in self._newest[first:end]):
            for failure in (each.failure for each in self.connections if each.failure):
                raise RuntimeError(failure)
            self._unread, self._expected = 0, count or len(self._newest)
            self._enough.clear()
            await _wait_briefly(self._enough)
        return self._last


async def _wait_briefly(enough: asyncio.Event) -> None:
    """Wait until `enough` is set, but at most for `_RECHECK_SECONDS`.

    The wait is limited, because the expected number of messages may never arrive.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_RECHECK_SECONDS):
            await enough.wait()


def _participant(message: bytes) -> lobby_pb2.Participant:
    return lobby_pb2.WatchSessionResponse.FromString(message).participant


async def _watch(load: Load) -> None:
    """Open all streams and print two lines.

    The first line is printed when every learner is shown as connected. The second line is the time at which the last
    stream received the state In Session.
    """
    watchers = Watchers(len(load.tokens))
    loop = asyncio.get_running_loop()
    host, _, port = load.address.rpartition(":")
    request = lobby_pb2.WatchSessionRequest(session_id=load.session_id).SerializeToString()
    for first in range(0, len(load.tokens), STREAMS_PER_CONNECTION):
        streams = Streams(first, watchers.received)
        await loop.create_connection(lambda streams=streams: streams, host, int(port))  # type: ignore[misc]
        for token in load.tokens[first : first + STREAMS_PER_CONNECTION]:
            streams.open(load.method, request, {"authorization": f"Bearer {token}"})
        watchers.connections.append(streams)
        # Wait until all streams of this connection are open, because a server refuses streams if too many are opened at
        # a time.
        await watchers.all_are(lambda _: True, first, STREAMS_PER_CONNECTION)
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        await watchers.all_are(lambda each: each.connected)
        print(_READY, flush=True)
        in_session = lobby_pb2.PARTICIPANT_STATE_IN_SESSION
        print(await watchers.all_are(lambda each: each.state == in_session), flush=True)


# The code below is the limit: a minimal server whose streams wait for one future.


class Bare:
    """The methods of the bare server, which sends a message to all streams at once."""

    def __init__(self) -> None:
        self._started: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def watch(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        """Send one view of the session immediately, and a second view when `fire` is called."""
        started = self._started
        await context.write(_view(lobby_pb2.PARTICIPANT_STATE_WAITING))
        await context.write(await asyncio.shield(started))
        await asyncio.Event().wait()

    async def fire(self, request: bytes, context: object) -> bytes:
        """Send the second view to all streams; return the time at which sending started."""
        started, self._started = self._started, asyncio.get_running_loop().create_future()
        now = time.monotonic()
        started.set_result(_view(lobby_pb2.PARTICIPANT_STATE_IN_SESSION))
        return str(now).encode()


def _view(state: lobby_pb2.ParticipantState.ValueType) -> bytes:
    """Return an encoded view of a session that is as large as a view that the service sends."""
    session = open_lobby(new_id(), capacity=1)
    view = lobby_pb2.WatchSessionResponse(
        cursor="1", session=session_message(session), participant=_shown(session, state)
    )
    view.server_time.GetCurrentTime()
    return view.SerializeToString()


def _shown(session: Session, state: lobby_pb2.ParticipantState.ValueType) -> lobby_pb2.Participant:
    participant = lobby_pb2.Participant(
        participant_id=str(new_id()),
        session_id=str(session.session_id),
        person_id=str(new_id()),
        state=state,
        connected=True,
        assessments=[progress_message(Progress(each)) for each in session.plan.assessment_ids],
    )
    participant.join_time.GetCurrentTime()
    return participant


async def _serve_limit(address: str, secure: str = "", *files: str) -> None:
    """Serve at `address` without TLS.

    If `files` contains the paths of a certificate, also serve at `secure` with TLS.
    """
    bare = Bare()
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "WatchSession": grpc.unary_stream_rpc_method_handler(bare.watch),
        "Fire": grpc.unary_unary_rpc_method_handler(bare.fire),
    }
    certificates = Certificates.load(*map(Path, files)) if files else None
    await harness.serve_limit(address, SERVICE, methods, secure, certificates)


def main(arguments: Sequence[str]) -> None:
    """Run the bare server, the load process or the whole measurement."""
    match arguments:
        case ["limit", *addresses]:
            uvloop.run(_serve_limit(*addresses))
        case ["load"]:
            given = json.loads(sys.stdin.read())
            uvloop.run(_watch(Load(**{**given, "tokens": tuple(given["tokens"])})))
        case _:
            harness.print_table(asyncio.run(measure()))


if __name__ == "__main__":
    main(sys.argv[1:])
