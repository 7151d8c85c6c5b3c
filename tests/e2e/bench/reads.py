"""A learner reads their attempt: the real service with everything on, beside a bare read on the same machine.

The limit is a bare aio handler with one statement, which asyncpg's pool prepares once: it reads one row by its key, the
response as it is sent. The service reads the attempt and its answers, decides what its learner may see, and builds the
same bytes. Both are processes on one core, the load comes from another, and they take turns.

`python -m e2e.bench.reads` prints the table. The other commands are the processes that it starts.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from uuid import UUID

import asyncpg
import grpc
import uvloop

from e2e.bench import stage as parts
from e2e.bench.learners import Learner, learners_at
from e2e.bench.stage import Figure, Stage, Turn, slowest, throughput
from proctorium.assessment.v1 import attempts_pb2, attempts_pb2_grpc, items_pb2
from proctorium_common.rpc.client import channel
from proctorium_common.security.keys import SigningKey

READ = "/proctorium.assessment.v1.AttemptService/GetAttempt"
LEARNERS, CONNECTIONS = 16, 4
ROUNDS = 5
SECONDS = 2.0
WARM_UP_SECONDS = 1.0
_MODULE = "e2e.bench.reads"
_BODIES = "CREATE TABLE attempts (attempt_id uuid PRIMARY KEY, body bytea NOT NULL)"


@dataclass(frozen=True)
class Load:
    """One turn of the load process."""

    address: str
    learners: tuple[Learner, ...]
    seconds: float


async def measure(
    *, rounds: int = ROUNDS, seconds: float = SECONDS, warm_up: bool = True
) -> list[Figure]:
    """Take turns: limit, service."""
    async with parts.set_stage() as stage:
        limit, service, learners = await _set(stage)
        turns: dict[str, list[Turn]] = {limit: [], service: []}
        if warm_up:
            for address in turns:
                await parts.load(_MODULE, asdict(Load(address, learners, WARM_UP_SECONDS)))
        for _ in range(rounds):
            for address, of in turns.items():
                of.append(await parts.load(_MODULE, asdict(Load(address, learners, seconds))))
    ours, limits = Turn.middle(turns[service]), Turn.middle(turns[limit])
    name = f"read_attempt_{LEARNERS}"
    return [throughput(name, "reads/s", ours, limits), slowest(name, ours, limits)]


async def _set(stage: Stage) -> tuple[str, str, tuple[Learner, ...]]:
    """Return the addresses of the limit and the service, and learners who have answered every question."""
    key = SigningKey.generate()
    url = await stage.database("proctorium_assessment", [key.public])
    service = await stage.serve(
        "proctorium_assessment", url
    )  # reading an attempt calls no other service
    learners = await learners_at(service, url, key, LEARNERS)
    bodies = [(UUID(each.attempt_id), await _answered(service, each)) for each in learners]
    bare = (await stage.postgres.ensure_database("bare")).replace("+asyncpg", "")
    connection = await asyncpg.connect(bare)
    await connection.execute(_BODIES)
    await connection.executemany("INSERT INTO attempts VALUES ($1, $2)", bodies)
    await connection.close()
    return await stage.start_limit(_MODULE, bare), service, tuple(learners)


async def _answered(service: str, learner: Learner) -> bytes:
    """Answer every question once; return the response that the learner then reads."""
    chosen = items_pb2.Answer(chosen=items_pb2.ChosenChoices(choice_ids=["a"]))
    changes = [
        attempts_pb2.AnswerChange(sequence=nth, item_id=item_id, answer=chosen)
        for nth, item_id in enumerate(learner.item_ids, start=1)
    ]
    async with channel(service, bearer=lambda: learner.token) as opened:
        stub = attempts_pb2_grpc.AttemptServiceStub(opened)
        await stub.SaveAnswers(
            attempts_pb2.SaveAnswersRequest(attempt_id=learner.attempt_id, changes=changes)
        )
        request = attempts_pb2.GetAttemptRequest(attempt_id=learner.attempt_id)
        return (await stub.GetAttempt(request)).SerializeToString()


# The load, in a process of its own.


async def _press(load: Load) -> Turn:
    """Every learner reads again as soon as the last read is answered."""
    channels = parts.connections(load.address, CONNECTIONS)
    return await parts.pressed(
        [
            partial(_read, channels[nth % CONNECTIONS], learner)
            for nth, learner in enumerate(load.learners)
        ],
        load.seconds,
    )


async def _read(opened: grpc.aio.Channel, learner: Learner, until: float) -> list[float]:
    # Bytes in and out: what the load costs should be the servers' and not its own.
    read: Callable[..., Awaitable[bytes]] = opened.unary_unary(READ)
    request = attempts_pb2.GetAttemptRequest(attempt_id=learner.attempt_id).SerializeToString()
    metadata = (("authorization", f"Bearer {learner.token}"),)
    latencies = []
    while (began := time.perf_counter()) < until:
        await read(request, metadata=metadata)
        latencies.append(time.perf_counter() - began)
    return latencies


# The limit: nothing but gRPC and one prepared statement.


async def _serve_limit(address: str, url: str) -> None:
    pool = await asyncpg.create_pool(url, min_size=10, max_size=10)

    async def read(request: attempts_pb2.GetAttemptRequest, context: object) -> bytes:
        body: bytes = await pool.fetchval(
            "SELECT body FROM attempts WHERE attempt_id = $1", UUID(request.attempt_id)
        )
        return body

    handler: grpc.RpcMethodHandler[attempts_pb2.GetAttemptRequest, bytes]
    handler = grpc.unary_unary_rpc_method_handler(read, attempts_pb2.GetAttemptRequest.FromString)
    service, _, method = READ[1:].partition("/")
    await parts.serve_limit(address, service, {method: handler})


def main(arguments: Sequence[str]) -> None:
    """One of the processes, or the whole measurement."""
    match arguments:
        case ["limit", address, url]:
            uvloop.run(_serve_limit(address, url))
        case ["load"]:
            given = json.loads(sys.stdin.read())
            learners = tuple(Learner.of(each) for each in given.pop("learners"))
            uvloop.run(_press(Load(**given, learners=learners)))
        case _:
            parts.print_table(asyncio.run(measure()))


if __name__ == "__main__":
    main(sys.argv[1:])
