"""Measure how fast the service with all features saves answers durably, compared to a minimal server.

The limit is a bare grpc.aio handler that executes one UPSERT with asyncpg and responds after the commit. Both servers
run on one core, and the load runs on another core. The runs of the two servers alternate. To compare two measurements,
use only the ratios, because the machine may be shared.

`python -m e2e.bench.saves` prints the table. The other commands run the processes that the measurement starts.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from uuid import UUID

import asyncpg
import grpc
import uvloop

from e2e.bench import harness
from e2e.bench.harness import Figure, Harness, Sample, slowest, throughput
from e2e.bench.learners import Learner, learners_at
from proctorium.assessment.v1 import attempts_pb2, items_pb2
from proctorium_common.security.keys import SigningKey

SAVE = "/proctorium.assessment.v1.AttemptService/SaveAnswers"
STREAM = "/proctorium.assessment.v1.AttemptService/StreamAnswers"
LEARNERS = 64
ROUNDS = 5
SECONDS = 2.0
WARM_UP_SECONDS = 1.0
CONNECTIONS = 4
STREAMS, STREAM_WINDOW = 16, 4
LOAD_MODULE = "e2e.bench.saves"
"""The module that `python -m` runs with the argument `load` as the load process. It reads a `Load` as JSON."""


@dataclass(frozen=True)
class Load:
    """The parameters of the load process."""

    address: str
    learners: tuple[Learner, ...]
    first_sequence: int
    seconds: float = SECONDS
    streams: bool = False


async def measure(
    *, rounds: int = ROUNDS, seconds: float = SECONDS, warm_up: bool = True
) -> list[Figure]:
    """Run the measurement and return the figures; if `warm_up` is true, start with a round that is not counted."""
    async with harness.start_harness() as bench:
        return await (await _set(bench)).measure(rounds, seconds, warm_up)


class Saves:
    """The two servers, and learners who have started an attempt."""

    def __init__(self, limit: str, service: str, learners: Sequence[Learner]) -> None:
        self._limit = limit
        self._service = service
        self._learners = tuple(learners)
        self._sequence = 1

    async def measure(self, rounds: int, seconds: float, warm_up: bool) -> list[Figure]:
        """Measure the limit and the service in turn with 16 and 64 concurrent calls, then the service with streams."""
        samples: dict[str, list[Sample]] = {}
        for counted in [False] * warm_up + [True] * rounds:
            for name, load in self._loads(seconds if counted else WARM_UP_SECONDS).items():
                sample = await harness.load(
                    LOAD_MODULE, asdict(replace(load, first_sequence=self._sequence))
                )
                # One run uses fewer than a million sequence numbers, so no run uses the numbers of another run.
                self._sequence += 1_000_000
                if counted:
                    samples.setdefault(name, []).append(sample)
        return _figures({name: Sample.median(of) for name, of in samples.items()})

    def _loads(self, seconds: float) -> dict[str, Load]:
        few, all_of_them = self._learners[:16], self._learners
        return {
            "limit_16": Load(self._limit, few, 0, seconds),
            "save_16": Load(self._service, few, 0, seconds),
            "limit_64": Load(self._limit, all_of_them, 0, seconds),
            "save_64": Load(self._service, all_of_them, 0, seconds),
            "save_stream": Load(self._service, self._learners[:STREAMS], 0, seconds, streams=True),
        }


def _figures(samples: dict[str, Sample]) -> list[Figure]:
    return [
        throughput("save_16", "saves/s", samples["save_16"], samples["limit_16"]),
        slowest("save_16", samples["save_16"], samples["limit_16"]),
        throughput("save_64", "saves/s", samples["save_64"], samples["limit_64"]),
        slowest("save_64", samples["save_64"], samples["limit_64"]),
        # Compare the saves over streams with the saves by unary calls to the same service, not with the limit.
        throughput("save_stream", "saves/s", samples["save_stream"], samples["save_16"]),
    ]


async def _set(bench: Harness) -> Saves:
    key = SigningKey.generate()
    url = await bench.database("proctorium_assessment", [key.public])
    limit = await bench.start_limit(LOAD_MODULE, await bench.postgres.ensure_database("bare"))
    # Saving answers needs no other service.
    service = await bench.serve("proctorium_assessment", url)
    return Saves(limit, service, await learners_at(service, url, key, LEARNERS))


# The code below runs in the load process.


async def _run_load(load: Load) -> Sample:
    """Run one client per learner; each client sends a save when its previous save has been acknowledged."""
    channels = harness.connections(load.address, CONNECTIONS)
    client = _save_by_stream if load.streams else _save_by_calls
    return await harness.run_clients(
        [
            partial(client, channels[nth % CONNECTIONS], learner, load.first_sequence)
            for nth, learner in enumerate(load.learners)
        ],
        load.seconds,
    )


async def _save_by_calls(
    opened: grpc.aio.Channel, learner: Learner, sequence: int, until: float
) -> list[float]:
    # Responses are not deserialized, so that the load process spends little time on them.
    save: Callable[..., Awaitable[bytes]] = opened.unary_unary(SAVE)
    metadata = (("authorization", f"Bearer {learner.token}"),)
    latencies = []
    while (began := time.perf_counter()) < until:
        await save(_request(learner, sequence).SerializeToString(), metadata=metadata)
        latencies.append(time.perf_counter() - began)
        sequence += 1
    return latencies


async def _save_by_stream(
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


# The code below is the limit: a minimal server that executes and commits one statement for each gRPC call.

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

    handler = grpc.unary_unary_rpc_method_handler(
        save,
        attempts_pb2.SaveAnswersRequest.FromString,
        attempts_pb2.SaveAnswersResponse.SerializeToString,
    )
    service, _, method = SAVE[1:].partition("/")
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
