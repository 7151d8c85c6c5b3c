"""A test that no acknowledged answer is lost if the service is killed at any time."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from uuid import UUID

import grpc

from proctorium.assessment.v1 import attempts_pb2, attempts_pb2_grpc
from proctorium_common.storage.keys import DatabaseKeyStore
from proctorium_devstack.testing.waiting import until

from .harness import Harness, Seat

ROUNDS = 3


async def save_until_killed(
    stub: attempts_pb2_grpc.AttemptServiceStub, seat: Seat, first: int, acknowledged: list[int]
) -> None:
    """Save answers over a stream until the stream breaks, and add the acknowledged sequence numbers to the list."""

    async def send() -> AsyncIterator[attempts_pb2.StreamAnswersRequest]:
        number = first
        while True:
            save = attempts_pb2.SaveAnswersRequest(
                attempt_id=seat.attempt_id, changes=[seat.change(number, number % 4)]
            )
            yield attempts_pb2.StreamAnswersRequest(save=save)
            number += 1

    try:
        async for response in stub.StreamAnswers(send(), wait_for_ready=True):
            acknowledged += response.receipt.sequences
    except grpc.aio.AioRpcError:
        pass


async def test_killed_service_loses_no_acknowledged_answer(
    harness: Harness, free_port: Callable[[], int]
) -> None:
    seats = [await harness.started(time_limit=timedelta(hours=5)) for _ in range(4)]
    await DatabaseKeyStore(harness.database).save([harness.key.public])
    acknowledged: dict[str, set[int]] = {seat.attempt_id: set() for seat in seats}
    address = f"127.0.0.1:{free_port()}"

    for _ in range(ROUNDS):
        before = await _count(harness)
        async with harness.process(listen=address) as service:
            learners: list[asyncio.Task[None]] = []
            answered: dict[str, list[int]] = {seat.attempt_id: [] for seat in seats}
            for seat in seats:
                learner = seat.learner.person_id
                opened = harness.channel(learner, "learner", address=address)
                stub = attempts_pb2_grpc.AttemptServiceStub(opened)
                number = max(acknowledged[seat.attempt_id], default=0) + 10_000
                saving = save_until_killed(stub, seat, number, answered[seat.attempt_id])
                learners.append(asyncio.create_task(saving))
            await _until_saved(harness, before + 200)
            # Kill the service only after it has acknowledged an answer of every learner. Otherwise, a learner could
            # wait forever for the first connection (`wait_for_ready`).
            await until(lambda: all(answered.values()), 60)  # noqa: B023 - awaited within the round
            service.send_signal(signal.SIGKILL)
            async with asyncio.timeout(30):
                await asyncio.gather(*learners)
            for attempt_id, sequences in answered.items():
                acknowledged[attempt_id].update(sequences)

    assert all(acknowledged.values()), "every learner was acknowledged something"
    for attempt_id, numbers in acknowledged.items():
        stored = await _stored(harness, attempt_id)
        assert numbers <= stored, f"lost: {sorted(numbers - stored)}"


async def _until_saved(harness: Harness, count: int) -> None:
    async def enough() -> bool:
        return await _count(harness) >= count

    await until(enough, 60)


async def _count(harness: Harness) -> int:
    [[count]] = await harness.rows("SELECT count(*) FROM answer_revisions")
    return int(count)


async def _stored(harness: Harness, attempt_id: str) -> set[int]:
    rows = await harness.rows(
        "SELECT sequence FROM answer_revisions WHERE attempt_id = :id AND NOT late",
        id=UUID(attempt_id),
    )
    return {row.sequence for row in rows}
