"""Measure how fast learners read their attempts, compared to a minimal server (the limit).

The limit is a bare grpc.aio handler that executes one prepared statement with asyncpg's pool. The statement reads
one row by its key, and the row contains the encoded response. The service reads the attempt and its answers, decides
which fields the learner may see, and builds the same bytes. Both servers run on one core, and the load runs on another
core. The runs of the two servers alternate.

`python -m e2e.bench.reads` prints the table. The other commands run the processes that the measurement starts.
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

from e2e.bench import harness
from e2e.bench.harness import Figure, Harness, Sample, slowest, throughput
from e2e.bench.learners import Learner, learners_at
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
    """The parameters of the load process."""

    address: str
    learners: tuple[Learner, ...]
    seconds: float


async def measure(
    *, rounds: int = ROUNDS, seconds: float = SECONDS, warm_up: bool = True
) -> list[Figure]:
    """Measure the limit and the service in turn; return the figures."""
    async with harness.start_harness() as bench:
        limit, service, learners = await _set(bench)
        samples: dict[str, list[Sample]] = {limit: [], service: []}
        if warm_up:
            for address in samples:
                await harness.load(_MODULE, asdict(Load(address, learners, WARM_UP_SECONDS)))
        for _ in range(rounds):
            for address, of_address in samples.items():
                of_address.append(
                    await harness.load(_MODULE, asdict(Load(address, learners, seconds)))
                )
    ours, limits = Sample.median(samples[service]), Sample.median(samples[limit])
    name = f"read_attempt_{LEARNERS}"
    return [throughput(name, "reads/s", ours, limits), slowest(name, ours, limits)]


async def _set(bench: Harness) -> tuple[str, str, tuple[Learner, ...]]:
    """Start both servers; return their addresses (limit first), and learners who have answered all questions."""
    key = SigningKey.generate()
    url = await bench.database("proctorium_assessment", [key.public])
    # Reading an attempt needs no other service.
    service = await bench.serve("proctorium_assessment", url)
    learners = await learners_at(service, url, key, LEARNERS)
    bodies = [(UUID(each.attempt_id), await _answer_all(service, each)) for each in learners]
    bare = (await bench.postgres.ensure_database("bare")).replace("+asyncpg", "")
    connection = await asyncpg.connect(bare)
    await connection.execute(_BODIES)
    await connection.executemany("INSERT INTO attempts VALUES ($1, $2)", bodies)
    await connection.close()
    return await bench.start_limit(_MODULE, bare), service, tuple(learners)


async def _answer_all(service: str, learner: Learner) -> bytes:
    """Answer every question once, then read the attempt; return the encoded response."""
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


# The code below runs in the load process.


async def _run_load(load: Load) -> Sample:
    """Run one client per learner; each client starts a read when its previous read has ended."""
    channels = harness.connections(load.address, CONNECTIONS)
    return await harness.run_clients(
        [
            partial(_read, channels[nth % CONNECTIONS], learner)
            for nth, learner in enumerate(load.learners)
        ],
        load.seconds,
    )


async def _read(opened: grpc.aio.Channel, learner: Learner, until: float) -> list[float]:
    # Messages are sent and received as bytes, so that the load process spends little time on them.
    read: Callable[..., Awaitable[bytes]] = opened.unary_unary(READ)
    request = attempts_pb2.GetAttemptRequest(attempt_id=learner.attempt_id).SerializeToString()
    metadata = (("authorization", f"Bearer {learner.token}"),)
    latencies = []
    while (began := time.perf_counter()) < until:
        await read(request, metadata=metadata)
        latencies.append(time.perf_counter() - began)
    return latencies


# The code below is the limit: a minimal server that executes one prepared statement for each gRPC call.


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
    await harness.serve_limit(address, service, {method: handler})


def main(arguments: Sequence[str]) -> None:
    """Run the bare server, the load process or the whole measurement."""
    match arguments:
        case ["limit", address, url]:
            uvloop.run(_serve_limit(address, url))
        case ["load"]:
            given = json.loads(sys.stdin.read())
            learners = tuple(Learner.of(each) for each in given.pop("learners"))
            uvloop.run(_run_load(Load(**given, learners=learners)))
        case _:
            harness.print_table(asyncio.run(measure()))


if __name__ == "__main__":
    main(sys.argv[1:])
