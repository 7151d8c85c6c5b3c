"""Durable saves: the real service with everything on, beside the bare limit of the same machine and database.

The limit (L1 of `docs`: a bare aio handler, one asyncpg UPSERT, answered after the commit) and the service are two processes on one
core, the load comes from a third on another, and they take turns. Only the ratio means something: the machine may be shared.

`python -m e2e.bench.saves` prints the table. The other commands are the processes that it starts.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import grpc
import uvloop

from proctorium.assessment.v1 import (
    assessments_pb2,
    assessments_pb2_grpc,
    attempts_pb2,
    attempts_pb2_grpc,
    items_pb2,
)
from proctorium_assessment.storage import courses
from proctorium_assessment.storage.courses import Course
from proctorium_common.events.streams import declare
from proctorium_common.ids import new_id
from proctorium_common.rpc.client import channel
from proctorium_common.security.keys import SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_common.storage.database import Database
from proctorium_common.storage.keys import DatabaseKeyStore
from proctorium_common.storage.migrations import upgrade
from proctorium_common.topology import SERVICES
from proctorium_devstack.parts.nats import Nats
from proctorium_devstack.parts.postgres import Postgres
from proctorium_devstack.ports import free_ports

SAVE = "/proctorium.assessment.v1.AttemptService/SaveAnswers"
STREAM = "/proctorium.assessment.v1.AttemptService/StreamAnswers"
LEARNERS = 64
ROUNDS = 3
SECONDS = 3.0
WARM_UP_SECONDS = 1.0
CONNECTIONS = 4
STREAMS, STREAM_WINDOW = 16, 4
_READY_SECONDS = 60.0


@dataclass(frozen=True)
class Learner:
    """Who saves: their token, their attempt and its questions."""

    token: str
    attempt_id: str
    item_ids: tuple[str, ...]


@dataclass(frozen=True)
class Load:
    """One turn of the load process."""

    address: str
    learners: tuple[Learner, ...]
    first_sequence: int
    seconds: float = SECONDS
    streams: bool = False


@dataclass(frozen=True)
class Turn:
    """What one turn came to; milliseconds of the slowest hundredth."""

    per_second: float
    p99_ms: float


@dataclass(frozen=True)
class Figure:
    """One line of the table. `ratio` is what counts: figure / limit."""

    name: str
    figure: float
    unit: str
    limit: float
    ratio: float


async def measure(*, rounds: int = ROUNDS, seconds: float = SECONDS) -> list[dict[str, object]]:
    """Runs everything; the figures as `build/bench.json` takes them."""
    async with _stage() as stage:
        return [asdict(figure) for figure in await stage.measure(rounds, seconds)]


class Stage:
    """The two servers, and learners who have begun."""

    def __init__(self, limit: str, service: str, learners: Sequence[Learner]) -> None:
        self._limit = limit
        self._service = service
        self._learners = tuple(learners)
        self._sequence = 1

    async def measure(self, rounds: int, seconds: float) -> list[Figure]:
        """Takes turns: limit and service at 16 and at 64 at once, then streams."""
        turns: dict[str, list[Turn]] = {}
        for nth in range(rounds + 1):
            for name, load in self._loads(seconds if nth else WARM_UP_SECONDS).items():
                turn = await _turn(replace(load, first_sequence=self._sequence))
                # More than a turn can use, so that no number comes twice.
                self._sequence += 1_000_000
                if nth:
                    turns.setdefault(name, []).append(turn)
        return list(_figures({name: _middle(of) for name, of in turns.items()}))

    def _loads(self, seconds: float) -> dict[str, Load]:
        few, all_of_them = self._learners[:16], self._learners
        return {
            "limit_16": Load(self._limit, few, 0, seconds),
            "save_16": Load(self._service, few, 0, seconds),
            "limit_64": Load(self._limit, all_of_them, 0, seconds),
            "save_64": Load(self._service, all_of_them, 0, seconds),
            "save_stream": Load(self._service, self._learners[:STREAMS], 0, seconds, streams=True),
        }


def _figures(turns: dict[str, Turn]) -> Sequence[Figure]:
    def saves(name: str, limit: str) -> Figure:
        figure, bare = turns[name].per_second, turns[limit].per_second
        return Figure(name, round(figure, 1), "saves/s", round(bare, 1), round(figure / bare, 3))

    def slowest(name: str, limit: str) -> Figure:
        figure, bare = turns[name].p99_ms, turns[limit].p99_ms
        return Figure(
            f"{name}_p99", round(figure, 2), "ms", round(bare, 2), round(figure / bare, 3)
        )

    return [
        saves("save_16", "limit_16"),
        slowest("save_16", "limit_16"),
        saves("save_64", "limit_64"),
        slowest("save_64", "limit_64"),
        # Beside the service's own single calls: what the stream spares.
        saves("save_stream", "save_16"),
    ]


def _middle(turns: Sequence[Turn]) -> Turn:
    return Turn(
        statistics.median(turn.per_second for turn in turns),
        statistics.median(turn.p99_ms for turn in turns),
    )


# The stage: real PostgreSQL with fsync, real NATS, both servers as processes.


@asynccontextmanager
async def _stage() -> AsyncIterator[Stage]:
    folder = Path(tempfile.mkdtemp(prefix="proctorium-bench-"))
    folder.chmod(0o711)
    async with AsyncExitStack() as parts:
        parts.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres_port, nats_port, limit_port, service_port = free_ports(4)
        postgres = Postgres(folder / "postgres", postgres_port, folder / "postgres.log")
        await postgres.start()
        parts.push_async_callback(postgres.stop)
        broker = Nats(folder / "nats", nats_port, folder / "nats.log")
        await broker.start()
        parts.push_async_callback(broker.stop)
        await declare(broker.url, SERVICES)
        key = SigningKey.generate()
        url = await _database(postgres, key)
        bare = await postgres.database("bare")
        limit = f"127.0.0.1:{limit_port}"
        service = f"127.0.0.1:{service_port}"
        limit_log, service_log = folder / "limit.log", folder / "service.log"
        arguments = ["-m", "e2e.bench.saves", "limit", limit, bare]
        parts.push_async_callback(_end, await _process(arguments, {}, limit_log))
        environment = _environment(url, broker.url, service)
        serving = await _process(["-m", "proctorium_assessment"], environment, service_log)
        parts.push_async_callback(_end, serving)
        await asyncio.gather(_listening(limit), _listening(service))
        yield Stage(limit, service, await _learners(service, url, key))


def _environment(url: str, nats_url: str, address: str) -> dict[str, str]:
    told = {
        "DATABASE_URL": url,
        "NATS_URL": nats_url,
        "LISTEN": address,
        "ENROLLMENT_ADDRESS": "127.0.0.1:1",  # nobody: saving asks nobody
        "OTLP_ENDPOINT": "http://127.0.0.1:1",
        "TRACE_RATIO": "0.01",
        "LOG_FORMAT": "json",
        "MASTER_KEY": base64.b64encode(bytes(32)).decode(),
        "DRAIN_WAIT": "0",
    }
    return {f"PROCTORIUM_{name}": value for name, value in told.items()}


async def _database(postgres: Postgres, key: SigningKey) -> str:
    url = await postgres.database("assessment")
    await upgrade(url, "proctorium_assessment")
    database = Database(url)
    try:
        await DatabaseKeyStore(database).save([key.public])
    finally:
        await database.close()
    return url


async def _process(
    arguments: Sequence[str], environment: dict[str, str], log: Path
) -> asyncio.subprocess.Process:
    with log.open("ab") as out:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env={**os.environ, **environment},
            stdout=out,
            stderr=out,
            preexec_fn=lambda: _stay_on(0),
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        await process.wait()


async def _listening(address: str) -> None:
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(_READY_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return


async def _learners(address: str, url: str, key: SigningKey) -> list[Learner]:
    signer = TokenSigner(key, life=timedelta(hours=2))
    administrator = signer.sign(new_id(), ["administrator"]).text
    async with channel(address, bearer=lambda: administrator) as opened:
        stub = assessments_pb2_grpc.AssessmentServiceStub(opened)
        created = await stub.CreateAssessment(
            assessments_pb2.CreateAssessmentRequest(assessment=_assessment()), wait_for_ready=True
        )
        assessment_id = created.assessment.assessment_id
        await stub.PublishAssessment(
            assessments_pb2.PublishAssessmentRequest(assessment_id=assessment_id)
        )
    person_ids = [new_id() for _ in range(LEARNERS)]
    await _register(url, UUID(assessment_id), person_ids)
    return [await _learner(address, signer, assessment_id, person_id) for person_id in person_ids]


async def _register(url: str, assessment_id: UUID, person_ids: Sequence[UUID]) -> None:
    """What enrollment's events would have told: a self-paced course, and these learners in it."""
    course_id = new_id()
    database = Database(url)
    try:
        async with database.transaction() as tx:
            course = Course(course_id, "Bench", 1.0, self_paced=True)
            await courses.remember(tx, course, [assessment_id], 1)
            for person_id in person_ids:
                await courses.remember_registered(tx, course_id, person_id)
    finally:
        await database.close()


async def _learner(
    address: str, signer: TokenSigner, assessment_id: str, person_id: UUID
) -> Learner:
    token = signer.sign(person_id, ["learner"]).text
    async with channel(address, bearer=lambda: token) as opened:
        stub = attempts_pb2_grpc.AttemptServiceStub(opened)
        made = await stub.CreateAttempt(
            attempts_pb2.CreateAttemptRequest(assessment_id=assessment_id)
        )
        begun = await stub.BeginAttempt(
            attempts_pb2.BeginAttemptRequest(attempt_id=made.attempt.attempt_id)
        )
    item_ids = tuple(item.item_id for item in begun.attempt.items)
    return Learner(token, made.attempt.attempt_id, item_ids)


def _assessment() -> assessments_pb2.Assessment:
    choices = [items_pb2.Choice(choice_id=letter, text=letter) for letter in "abcd"]
    one = items_pb2.SingleChoice(choices=choices, correct_choice_id="a")
    items = [items_pb2.Item(prompt="?", points=1, single_choice=one) for _ in range(20)]
    assessment = assessments_pb2.Assessment(title="Bench", pass_mark=0.5, items=items)
    assessment.time_limit.seconds = 7200
    return assessment


# The load, in a process of its own.


async def _turn(load: Load) -> Turn:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "e2e.bench.saves", "load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=lambda: _stay_on(1),
    )
    out, _ = await process.communicate(json.dumps(asdict(load)).encode())
    if process.returncode:
        raise RuntimeError("the load failed; what it said stands above")
    return Turn(**json.loads(out))


async def _press(load: Load) -> Turn:
    """Every learner saves again as soon as the last save was acknowledged."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(load.address, options) for _ in range(CONNECTIONS)]
    press = _press_stream if load.streams else _press_calls
    began = time.perf_counter()
    until = began + load.seconds
    taken = await asyncio.gather(
        *(
            press(channels[nth % CONNECTIONS], learner, load.first_sequence, until)
            for nth, learner in enumerate(load.learners)
        )
    )
    seconds = time.perf_counter() - began
    for opened in channels:
        await opened.close()
    latencies = sorted(latency for of in taken for latency in of)
    p99 = latencies[int(len(latencies) * 0.99)]
    return Turn(len(latencies) / seconds, p99 * 1000)


async def _press_calls(
    opened: grpc.aio.Channel, learner: Learner, sequence: int, until: float
) -> list[float]:
    # Bytes in and out: what the load costs should be the servers' and not its own.
    save: Callable[..., Awaitable[bytes]] = opened.unary_unary(SAVE)
    metadata = (("authorization", f"Bearer {learner.token}"),)
    latencies = []
    while (began := time.perf_counter()) < until:
        await save(_request(learner, sequence).SerializeToString(), metadata=metadata)
        latencies.append(time.perf_counter() - began)
        sequence += 1
    return latencies


async def _press_stream(
    opened: grpc.aio.Channel, learner: Learner, sequence: int, until: float
) -> list[float]:
    save: Callable[..., grpc.aio.StreamStreamCall[bytes, bytes]] = opened.stream_stream(STREAM)
    call = save(metadata=(("authorization", f"Bearer {learner.token}"),))
    latencies: list[float] = []
    sent: list[float] = []
    while (now := time.perf_counter()) < until or sent:
        if now < until and len(sent) < STREAM_WINDOW:
            message = attempts_pb2.StreamAnswersRequest(save=_request(learner, sequence))
            await call.write(message.SerializeToString())
            sent.append(now)
            sequence += 1
            continue
        received = await call.read()
        assert isinstance(received, bytes), received
        answered = attempts_pb2.StreamAnswersResponse.FromString(received)
        assert answered.HasField("receipt"), answered
        latencies.append(time.perf_counter() - sent.pop(0))
    await call.done_writing()
    return latencies


def _request(learner: Learner, sequence: int) -> attempts_pb2.SaveAnswersRequest:
    item_id = learner.item_ids[sequence % len(learner.item_ids)]
    choice = items_pb2.ChosenChoices(choice_ids=["abcd"[sequence % 4]])
    change = attempts_pb2.AnswerChange(
        sequence=sequence, item_id=item_id, answer=items_pb2.Answer(chosen=choice)
    )
    return attempts_pb2.SaveAnswersRequest(attempt_id=learner.attempt_id, changes=[change])


# The limit: nothing but gRPC, one statement and its commit.

_UPSERT = """
    INSERT INTO answers (attempt_id, item_id, sequence, answer) VALUES ($1, $2, $3, $4)
    ON CONFLICT (attempt_id, item_id) DO UPDATE SET sequence = excluded.sequence, answer = excluded.answer
    WHERE answers.sequence < excluded.sequence
"""


async def _serve_limit(address: str, url: str) -> None:
    pool = await asyncpg.create_pool(url.replace("+asyncpg", ""), min_size=10, max_size=10)
    await pool.execute(
        "CREATE TABLE answers (attempt_id uuid, item_id uuid, sequence bigint, answer bytea,"
        " PRIMARY KEY (attempt_id, item_id))"
    )

    async def save(
        request: attempts_pb2.SaveAnswersRequest, context: object
    ) -> attempts_pb2.SaveAnswersResponse:
        change = request.changes[0]
        await pool.execute(
            _UPSERT,
            UUID(request.attempt_id),
            UUID(change.item_id),
            change.sequence,
            change.answer.SerializeToString(),
        )
        receipt = attempts_pb2.Receipt(attempt_id=request.attempt_id, sequences=[change.sequence])
        return attempts_pb2.SaveAnswersResponse(receipt=receipt)

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        save,
        attempts_pb2.SaveAnswersRequest.FromString,
        attempts_pb2.SaveAnswersResponse.SerializeToString,
    )
    service, _, method = SAVE[1:].partition("/")
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


def _stay_on(core: int) -> None:
    """Servers on one core, load on another, where there are two; runs in the new process before its program."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[core]})


def _print(figures: Sequence[dict[str, object]]) -> None:
    print(f"{'name':<14}{'figure':>12}{'limit':>12}{'ratio':>8}  unit")
    for figure in figures:
        print(
            f"{figure['name']:<14}{figure['figure']:>12}{figure['limit']:>12}"
            f"{figure['ratio']:>8}  {figure['unit']}"
        )


def main(arguments: Sequence[str]) -> None:
    """One of the processes, or the whole measurement."""
    match arguments:
        case ["limit", address, url]:
            uvloop.run(_serve_limit(address, url))
        case ["load"]:
            given = json.loads(sys.stdin.read())
            learners = tuple(
                Learner(each["token"], each["attempt_id"], tuple(each["item_ids"]))
                for each in given.pop("learners")
            )
            print(json.dumps(asdict(uvloop.run(_press(Load(**given, learners=learners))))))
        case _:
            _print(asyncio.run(measure()))


if __name__ == "__main__":
    main(sys.argv[1:])
