"""Measure joins with a code: the session service asks enrollment for the session of the code, and admits the learner.

The limit is a join with two bare servers, measured in the same run with the same drivers. The first server calls the
second server, and each server executes and commits one statement that changes data. The statement of the second server
stores the use of the code. The statement of the first server locks the session, counts a seat, and inserts the
participant and an event.

The service runs with all features: certificates, tokens, request ids, throttling and the session record. The service
also publishes the event of each join to enrollment, which handles the event on the same core.

64 learners join every session, and 16 joins run concurrently. In `join_16`, the joins are spread over 16 sessions at a
time, so that joins rarely wait for the lock of the same session. In `join_rush`, all learners join the same session, as
they do when a lobby opens.

`python -m e2e.bench.joins` prints the table. The other commands run the processes that the measurement starts.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import grpc
import uvloop
from sqlalchemy import insert

from e2e.bench import harness
from e2e.bench.harness import MASTER_KEY, Figure, Harness, Sample, slowest, throughput
from e2e.bench.lobbies import open_lobby
from proctorium.enrollment.v1 import codes_pb2
from proctorium.session.v1 import lobby_pb2, sessions_pb2
from proctorium_common.ids import new_id
from proctorium_common.security.encryption import MasterKey
from proctorium_common.security.keys import SigningKey
from proctorium_common.security.tls import Certificates
from proctorium_common.security.tokens import TokenSigner
from proctorium_common.storage.database import Database
from proctorium_devstack.components.certificates import KeyPair
from proctorium_devstack.components.nats import Nats
from proctorium_enrollment.storage import tables as enrollment
from proctorium_enrollment.storage.encryption import EncryptionKeys
from proctorium_session.storage import sessions

JOIN = "/proctorium.session.v1.LobbyService/JoinSession"
RESOLVE = "/bench.CodeService/ResolveCode"
LEARNERS = 64
AT_ONCE = 16
CONNECTIONS = 4
ROUNDS = 3
SECONDS = 2.0
WARM_UP_SECONDS = 1.0
SESSIONS_PER_SECOND = 24
"""The number of sessions that are prepared for each second of load. The learners cannot fill so many sessions."""
_MODULE = "e2e.bench.joins"
_PERSON = "bench-person"


@dataclass(frozen=True)
class Learner:
    """A learner's id and access token."""

    person_id: str
    token: str


@dataclass(frozen=True)
class Certified:
    """The paths of the certificate of the load process. The paths are empty if the server uses no certificates."""

    certificate: str = ""
    key: str = ""
    authority: str = ""

    @classmethod
    def of(cls, pair: KeyPair) -> Certified:
        """Return the paths of a key pair as texts, which can be sent to the load process as JSON."""
        return cls(str(pair.certificate), str(pair.key), str(pair.authority))

    def load(self) -> Certificates | None:
        """Return the certificates at the paths, or None if the paths are empty."""
        if not self.certificate:
            return None
        return Certificates.load(Path(self.certificate), Path(self.key), Path(self.authority))


@dataclass(frozen=True)
class Load:
    """The parameters of the load process. The `learners` join the sessions with the `codes`."""

    address: str
    learners: tuple[Learner, ...]
    codes: tuple[str, ...]
    rush: bool
    seconds: float
    certified: Certified


async def measure(
    *, rounds: int = ROUNDS, seconds: float = SECONDS, warm_up: bool = True
) -> list[Figure]:
    """Run the measurement and return the figures; if `warm_up` is true, start with a round that is not counted."""
    samples = 2 * (rounds + warm_up)
    async with harness.start_harness(broker=Nats) as bench:
        return await (await _set(bench, samples * _sessions_per_sample(seconds))).measure(
            rounds, seconds, warm_up
        )


@dataclass
class Joins:
    """The two servers, and the learners and codes that the joins use."""

    limit: str
    service: str
    learners: tuple[Learner, ...]
    codes: list[str]
    certified: Certified

    async def measure(self, rounds: int, seconds: float, warm_up: bool) -> list[Figure]:
        """Measure the limit and the service in turn, with joins to 16 sessions and then with joins to one session."""
        samples: dict[str, list[Sample]] = {}
        for counted in [False] * warm_up + [True] * rounds:
            for rush in (False, True):
                # The same codes can be used for the limit and the service, because each of them has its own database.
                codes = tuple(self.codes.pop() for _ in range(_sessions_per_sample(seconds)))
                for name, (address, certified) in self._servers().items():
                    duration = seconds if counted else WARM_UP_SECONDS
                    load = Load(address, self.learners, codes, rush, duration, certified)
                    sample = await harness.load(_MODULE, asdict(load))
                    if counted:
                        samples.setdefault(f"{name}_rush" if rush else name, []).append(sample)
        return _figures({name: Sample.median(of) for name, of in samples.items()})

    def _servers(self) -> dict[str, tuple[str, Certified]]:
        return {"limit": (self.limit, Certified()), "join": (self.service, self.certified)}


def _sessions_per_sample(seconds: float) -> int:
    return math.ceil(SESSIONS_PER_SECOND * seconds)


def _figures(samples: dict[str, Sample]) -> list[Figure]:
    return [
        throughput("join_16", "joins/s", samples["join"], samples["limit"]),
        slowest("join_16", samples["join"], samples["limit"]),
        throughput("join_rush", "joins/s", samples["join_rush"], samples["limit_rush"]),
        slowest("join_rush", samples["join_rush"], samples["limit_rush"]),
    ]


# The functions below create the data that must exist before the joins.


async def _set(bench: Harness, session_count: int) -> Joins:
    key = SigningKey.generate()
    signer = TokenSigner(key, lifetime=timedelta(hours=2))
    person_ids = [new_id() for _ in range(LEARNERS)]
    learners = [Learner(str(each), signer.sign(each, ["learner"]).text) for each in person_ids]
    codes = {f"Bn{nth:06d}": new_id() for nth in range(session_count)}
    urls = [
        await bench.database(f"proctorium_{each}", [key.public])
        for each in ("enrollment", "session")
    ]
    course_id = new_id()
    await _enrol(urls[0], course_id, person_ids, codes)
    await _schedule(urls[1], person_ids, list(codes.values()))
    enrollment_address = await bench.serve(
        "proctorium_enrollment", urls[0], bench.tls("enrollment")
    )
    service = await bench.serve(
        "proctorium_session",
        urls[1],
        {**bench.tls("session"), "ENROLLMENT_ADDRESS": enrollment_address},
    )
    limit = await _set_limit(bench, codes)
    certified = Certified.of(bench.broker.pair("edge"))
    return Joins(limit, service, tuple(learners), list(codes), certified)


async def _enrol(
    url: str, course_id: UUID, person_ids: Sequence[UUID], codes: dict[str, UUID]
) -> None:
    """Store a course, register the learners in the course, and store the code of each session."""
    now, end = datetime.now(UTC), datetime.now(UTC) + timedelta(hours=3)
    key = EncryptionKeys.derive(MasterKey(MASTER_KEY)).codes
    database = Database(url)
    try:
        async with database.transaction() as tx:
            await tx.execute(
                insert(enrollment.people),
                [
                    {
                        "person_id": each,
                        "legal_name": "Lena Fischer",
                        "preferred_name": "",
                        "email": f"{each}@example.org",
                        "locale": "en",
                        "time_zone": "UTC",
                        "roles": ["learner"],
                        "created_at": now,
                    }
                    for each in person_ids
                ],
            )
            course = {"course_id": course_id, "title": "Bench", "description": "", "hours": 1.0}
            course |= {"kind": "proctored", "published_at": now, "created_at": now}
            course |= {"awards_certificate": False}
            await tx.execute(insert(enrollment.courses), [course])
            await tx.execute(
                insert(enrollment.registrations),
                [
                    {
                        "registration_id": new_id(),
                        "person_id": each,
                        "course_id": course_id,
                        "created_at": now,
                    }
                    for each in person_ids
                ],
            )
            await tx.execute(
                insert(enrollment.sessions),
                [
                    {
                        "session_id": each,
                        "state": "scheduled",
                        "course_id": course_id,
                        "lobby_open_at": now,
                        "planned_end_at": end,
                    }
                    for each in codes.values()
                ],
            )
            await tx.execute(
                insert(enrollment.codes),
                [
                    {
                        "code_id": new_id(),
                        "session_id": session_id,
                        "lookup": key.blind_index(text),
                        "folded_lookup": key.blind_index(text.lower()),
                        "encrypted_text": b"",
                        "state": "active",
                        "automatic": True,
                        "created_at": now,
                    }
                    for text, session_id in codes.items()
                ],
            )
    finally:
        await database.close()


async def _schedule(url: str, person_ids: Sequence[UUID], session_ids: Sequence[UUID]) -> None:
    """Store sessions with open lobbies, and invite all learners to each session."""
    database = Database(url)
    try:
        async with database.transaction() as tx:
            for session_id in session_ids:
                session = open_lobby(session_id, capacity=len(person_ids))
                await sessions.insert_session(tx, session, person_ids)
    finally:
        await database.close()


# The code below runs in the load process.


async def _run_load(load: Load) -> Sample:
    """Join with 16 concurrent clients; each client starts a join when its previous join has ended."""
    channels = harness.connections(load.address, CONNECTIONS, load.certified.load(), "session")
    entries = _rush(load) if load.rush else _spread(load)
    return await harness.run_clients(
        [partial(_join, channels[nth % CONNECTIONS], entries) for nth in range(AT_ONCE)],
        load.seconds,
    )


Entry = tuple[str, Learner]


def _rush(load: Load) -> Iterator[Entry]:
    """Yield the joins of all learners to the first session, then to the next session, and so on."""
    return ((code, learner) for code in load.codes for learner in load.learners)


def _spread(load: Load) -> Iterator[Entry]:
    """Yield the joins to 16 sessions in turn, so that successive joins differ in both the session and the learner."""
    apart = LEARNERS // AT_ONCE
    for first in range(0, len(load.codes), AT_ONCE):
        for nth in range(LEARNERS):
            for number, code in enumerate(load.codes[first : first + AT_ONCE]):
                yield code, load.learners[(nth + number * apart) % LEARNERS]


async def _join(opened: grpc.aio.Channel, entries: Iterator[Entry], until: float) -> list[float]:
    # Messages are sent and received as bytes, so that the load process spends little time on them.
    join: Callable[..., Awaitable[bytes]] = opened.unary_unary(JOIN)
    latencies = []
    for code, learner in entries:
        if (began := time.perf_counter()) >= until:
            break
        request = lobby_pb2.JoinSessionRequest(request_id=str(uuid4()), code=code)
        metadata = (
            ("authorization", f"Bearer {learner.token}"),
            (_PERSON, learner.person_id),
            ("x-forwarded-for", "192.0.2.1"),
        )
        await join(request.SerializeToString(), metadata=metadata)
        latencies.append(time.perf_counter() - began)
    return latencies


# The code below is the limit: two minimal servers. For each gRPC call, a server executes and commits one statement.

_CODE_TABLES = """
    CREATE TABLE codes (text text PRIMARY KEY, code_id uuid NOT NULL, session_id uuid NOT NULL);
    CREATE TABLE uses (session_id uuid, person_id uuid, code_id uuid NOT NULL, PRIMARY KEY (session_id, person_id))
"""
_USE = """
    WITH code AS (SELECT code_id, session_id FROM codes WHERE text = $1),
    added AS (
        INSERT INTO uses SELECT session_id, $2, code_id FROM code ON CONFLICT DO NOTHING
    )
    SELECT code_id, session_id FROM code
"""
_SESSION_TABLES = """
    CREATE TABLE sessions (session_id uuid PRIMARY KEY, capacity integer NOT NULL, taken integer NOT NULL);
    CREATE TABLE participants (participant_id uuid PRIMARY KEY, session_id uuid NOT NULL, person_id uuid NOT NULL,
        UNIQUE (session_id, person_id));
    CREATE TABLE outbox (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid NOT NULL, body bytea NOT NULL)
"""
_ENTER = """
    WITH counted AS (
        UPDATE sessions SET taken = taken + 1 WHERE session_id = $1 AND taken < capacity RETURNING session_id
    ), added AS (
        INSERT INTO participants SELECT $2, session_id, $3 FROM counted
    ), recorded AS (
        INSERT INTO outbox (event_id, body) SELECT $4, $5 FROM counted
    )
    SELECT session_id FROM counted
"""


async def _set_limit(bench: Harness, codes: dict[str, UUID]) -> str:
    code_url = await bench.postgres.ensure_database("bare_codes")
    session_url = await bench.postgres.ensure_database("bare_sessions")
    opened = await asyncpg.connect(code_url)
    await opened.execute(_CODE_TABLES)
    rows = [(text, new_id(), session_id) for text, session_id in codes.items()]
    await opened.executemany("INSERT INTO codes VALUES ($1, $2, $3)", rows)
    await opened.close()
    opened = await asyncpg.connect(session_url)
    await opened.execute(_SESSION_TABLES)
    capacities = [(session_id, LEARNERS) for session_id in codes.values()]
    await opened.executemany("INSERT INTO sessions VALUES ($1, $2, 0)", capacities)
    await opened.close()
    code_server = await bench.start_limit(_MODULE, "codes", code_url)
    return await bench.start_limit(_MODULE, "sessions", session_url, code_server)


async def _serve_codes(address: str, url: str) -> None:
    pool = await asyncpg.create_pool(url, min_size=10, max_size=10)

    async def resolve(request: codes_pb2.CodeEntry, context: object) -> codes_pb2.ResolvedCode:
        row = await pool.fetchrow(_USE, request.text, UUID(request.person_id))
        assert row is not None
        return codes_pb2.ResolvedCode(
            code_id=str(row["code_id"]), session_id=str(row["session_id"])
        )

    handler = grpc.unary_unary_rpc_method_handler(
        resolve,
        codes_pb2.CodeEntry.FromString,
        codes_pb2.ResolvedCode.SerializeToString,
    )
    service, _, method = RESOLVE[1:].partition("/")
    await harness.serve_limit(address, service, {method: handler})


async def _serve_sessions(address: str, url: str, code_server: str) -> None:
    pool = await asyncpg.create_pool(url, min_size=10, max_size=10)
    resolve: Callable[..., Awaitable[codes_pb2.ResolvedCode]] = grpc.aio.insecure_channel(
        code_server
    ).unary_unary(
        RESOLVE,
        codes_pb2.CodeEntry.SerializeToString,
        codes_pb2.ResolvedCode.FromString,
    )

    async def join(
        request: lobby_pb2.JoinSessionRequest,
        context: grpc.aio.ServicerContext[
            lobby_pb2.JoinSessionRequest, lobby_pb2.JoinSessionResponse
        ],
    ) -> lobby_pb2.JoinSessionResponse:
        person = str(dict(context.invocation_metadata() or ())[_PERSON])
        resolved = await resolve(codes_pb2.CodeEntry(text=request.code, person_id=person))
        participant_id = new_id()
        participant = lobby_pb2.Participant(
            participant_id=str(participant_id), session_id=resolved.session_id, person_id=person
        )
        entered = await pool.fetchval(
            _ENTER,
            UUID(resolved.session_id),
            participant_id,
            UUID(person),
            new_id(),
            participant.SerializeToString(),
        )
        assert entered is not None
        session = sessions_pb2.Session(session_id=resolved.session_id)
        return lobby_pb2.JoinSessionResponse(session=session, participant=participant)

    handler = grpc.unary_unary_rpc_method_handler(
        join,
        lobby_pb2.JoinSessionRequest.FromString,
        lobby_pb2.JoinSessionResponse.SerializeToString,
    )
    service, _, method = JOIN[1:].partition("/")
    await harness.serve_limit(address, service, {method: handler})


def main(arguments: Sequence[str]) -> None:
    """Run a bare server, the load process or the whole measurement."""
    match arguments:
        case ["limit", address, "codes", url]:
            uvloop.run(_serve_codes(address, url))
        case ["limit", address, "sessions", url, code_server]:
            uvloop.run(_serve_sessions(address, url, code_server))
        case ["load"]:
            given = json.loads(sys.stdin.read())
            learners = tuple(Learner(**each) for each in given.pop("learners"))
            certified = Certified(**given.pop("certified"))
            uvloop.run(_run_load(Load(**given, learners=learners, certified=certified)))
        case _:
            harness.print_table(asyncio.run(measure()))


if __name__ == "__main__":
    main(sys.argv[1:])
