"""A test that no acknowledged answer is lost when the service is killed at any time."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import grpc

from proctorium.assessment.v1 import attempts_pb2, attempts_pb2_grpc
from proctorium_common.rpc.client import channel
from proctorium_common.security.keys import SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_common.storage.database import Database
from proctorium_common.storage.keys import DatabaseKeyStore
from proctorium_devstack.components.nats import Nats

from ..waiting import eventually
from .world import MASTER_KEY, Seat
from .world import world as running_world

ROUNDS = 3


@asynccontextmanager
async def process(
    url: str, nats: Nats, port: int, log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the service in its own process, as in production."""
    environment = {
        **os.environ,
        "PROCTORIUM_DATABASE_URL": url,
        **{
            f"PROCTORIUM_{name.upper()}": str(value)
            for name, value in nats.settings_of("assessment").items()
        },
        "PROCTORIUM_ENROLLMENT_ADDRESS": "127.0.0.1:1",
        "PROCTORIUM_MASTER_KEY": MASTER_KEY,
        "PROCTORIUM_LISTEN": f"127.0.0.1:{port}",
        "PROCTORIUM_DRAIN_WAIT": "0",
    }
    with log.open("ab") as out:
        started = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "proctorium_assessment"),
            env=environment,
            stdout=out,
            stderr=out,
        )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


async def save_until_killed(
    stub: attempts_pb2_grpc.AttemptServiceStub, seat: Seat, first: int
) -> list[int]:
    """Save continuously by a stream; return the sequence numbers that were acknowledged before it broke."""
    acknowledged: list[int] = []

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
    return acknowledged


async def started_seats(url: str, nats: Nats, key: SigningKey, count: int) -> list[Seat]:
    async with running_world(url, nats, key=key) as world:
        return [await world.started(time_limit=timedelta(hours=5)) for _ in range(count)]


async def test_killed_service_loses_no_acknowledged_answer(
    migrated_database: Callable[[str], str],
    nats: Nats,
    free_port: Callable[[], int],
    tmp_path: Path,
) -> None:
    url, key = migrated_database("proctorium_assessment"), SigningKey.generate()
    seats = await started_seats(url, nats, key, 4)
    database = Database(url)
    await DatabaseKeyStore(database).save([key.public])
    signer = TokenSigner(key, life=timedelta(hours=1))
    acknowledged: dict[str, set[int]] = {seat.attempt_id: set() for seat in seats}
    port = free_port()

    for _ in range(ROUNDS):
        before = await _count(database)
        async with process(url, nats, port, tmp_path / "service.log") as service:
            learners, first = [], dict[str, int]()
            for seat in seats:
                token = signer.sign(seat.learner.person_id, ["learner"]).text
                opened = channel(
                    f"127.0.0.1:{port}",
                    certificates=nats.certificates_of("edge"),
                    server="assessment",
                    bearer=lambda token=token: token,  # type: ignore[misc]
                )
                stub = attempts_pb2_grpc.AttemptServiceStub(opened)
                number = max(acknowledged[seat.attempt_id], default=0) + 10_000
                first[seat.attempt_id] = number
                learners.append(asyncio.create_task(save_until_killed(stub, seat, number)))
            await _until_saved(database, before + 200)
            # Who has not reached the service by then would wait for it after its end, too.
            for seat in seats:
                await _until_reached(database, seat.attempt_id, first[seat.attempt_id])
            service.send_signal(signal.SIGKILL)
            async with asyncio.timeout(30):
                answers = await asyncio.gather(*learners)
            for seat, answered in zip(seats, answers, strict=True):
                acknowledged[seat.attempt_id].update(answered)

    assert all(acknowledged.values()), "every learner was acknowledged something"
    for attempt_id, numbers in acknowledged.items():
        stored = await _stored(database, attempt_id)
        assert numbers <= stored, f"lost: {sorted(numbers - stored)}"
    await database.close()


async def _until_saved(database: Database, count: int) -> None:
    async def enough() -> bool:
        return await _count(database) >= count

    await eventually(enough, seconds=60)


async def _until_reached(database: Database, attempt_id: str, number: int) -> None:
    async def reached() -> bool:
        return max(await _stored(database, attempt_id), default=0) >= number

    await eventually(reached, seconds=60)


async def _count(database: Database) -> int:
    connection = await database.connect()
    try:
        found: int = await connection.fetchval("SELECT count(*) FROM answer_revisions")
    finally:
        await connection.close()
    return found


async def _stored(database: Database, attempt_id: str) -> set[int]:
    connection = await database.connect()
    try:
        rows = await connection.fetch(
            "SELECT sequence FROM answer_revisions WHERE attempt_id = $1 AND NOT late", attempt_id
        )
    finally:
        await connection.close()
    return {row["sequence"] for row in rows}
