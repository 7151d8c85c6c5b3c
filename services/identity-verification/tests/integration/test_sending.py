"""What sending pictures costs others: nothing where it is refused, a turn where it is not; and what it leaves in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import grpc
import pytest
from PIL import Image
from sqlalchemy.ext.asyncio import AsyncConnection

from proctorium.identity.v1 import verification_pb2 as pb
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import call_under_way
from proctorium_devstack.testing.refusals import refusal
from proctorium_identity.domain.evidence import MAX_IMAGES
from proctorium_identity.images.process import ImageReader, Picture
from proctorium_identity.storage.objects import EvidenceStore

from ..pictures import encoded, photo
from .test_evidence import opened
from .world import (
    DOCUMENT,
    SELFIE,
    Person,
    World,
    ask_again,
    look,
    refused_without_change,
    submit,
    submit_both,
    until,
    verify,
)

Meanwhile = Callable[[], Awaitable[object]]


class Readings:
    """Counts the pictures that are read, and lets something happen while one is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.meanwhile: Meanwhile | None = None
        read = ImageReader.read

        async def noted(
            reader: ImageReader, file: bytes, case_id: UUID, *, within: float | None = None
        ) -> Picture:
            self.count += 1
            picture = await read(reader, file, case_id, within=within)
            if self.meanwhile is not None:
                await self.meanwhile()
            return picture

        monkeypatch.setattr(ImageReader, "read", noted)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Readings:
    return Readings(monkeypatch)


def in_store(world: World, case_id: str) -> set[str]:
    """The objects of the case."""
    folder = world.evidence / case_id
    return {f"{case_id}/{each.name}" for each in folder.iterdir()} if folder.exists() else set()


async def named(world: World, case_id: str) -> set[str]:
    """The objects that the case's rows name."""
    rows = await world.rows("SELECT object_key FROM evidence WHERE case_id = :id", id=UUID(case_id))
    return {str(row[0]) for row in rows}


async def test_what_a_case_cannot_take_is_refused_before_it_is_read(
    world: World, readings: Readings
) -> None:
    learner, proctor, _, case_id = await opened(world)
    await submit_both(learner, case_id)
    error = await refused_without_change(world, submit(world.learner(), case_id, DOCUMENT))
    assert error.reason == "NOT_YOUR_CASE"
    await verify(proctor, case_id)
    error = await refused_without_change(world, submit(learner, case_id, DOCUMENT))
    assert error.reason == "CASE_CLOSED"
    assert readings.count == 2


async def test_a_repetition_is_answered_without_reading_its_picture(
    world: World, readings: Readings
) -> None:
    learner, proctor, _, case_id = await opened(world)
    await submit(learner, case_id, SELFIE)
    image, request_id = photo(), str(new_id())
    first = await submit(learner, case_id, DOCUMENT, image, request_id)
    await verify(proctor, case_id)
    assert await submit(learner, case_id, DOCUMENT, image, request_id) == first
    error = await refusal(submit(learner, case_id, SELFIE, image, request_id))
    assert error.reason == "REQUEST_ID_REUSED"
    assert readings.count == 2


async def test_a_repetition_at_the_same_moment_leaves_one_picture(world: World) -> None:
    learner, _, _, case_id = await opened(world)
    image, request_id = photo(), str(new_id())
    first, *others = await asyncio.gather(
        *(submit(learner, case_id, DOCUMENT, image, request_id) for _ in range(3))
    )
    assert others == [first, first]
    assert len(in_store(world, case_id)) == 1
    assert in_store(world, case_id) == await named(world, case_id)


async def test_a_picture_whose_case_closed_meanwhile_is_gone_from_the_store(
    world: World, readings: Readings
) -> None:
    learner, proctor, _, case_id = await opened(world)
    await submit_both(learner, case_id)
    kept = in_store(world, case_id)
    readings.meanwhile = lambda: verify(proctor, case_id)
    error = await refusal(submit(learner, case_id, DOCUMENT))
    assert error.reason == "CASE_CLOSED"
    assert readings.count == 3
    assert in_store(world, case_id) == kept == await named(world, case_id)


async def test_whoever_hangs_up_while_the_picture_is_stored_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, _, _, case_id = await opened(world)
    storing, hung_up, deleted = asyncio.Event(), asyncio.Event(), asyncio.Event()
    put, delete = EvidenceStore.put, EvidenceStore.delete

    async def slow_put(store: EvidenceStore, key: str, content: bytes) -> None:
        storing.set()
        await hung_up.wait()
        await put(store, key, content)

    async def noted_delete(store: EvidenceStore, key: str) -> None:
        assert in_store(world, case_id) == {key}
        await delete(store, key)
        deleted.set()

    monkeypatch.setattr(EvidenceStore, "put", slow_put)
    monkeypatch.setattr(EvidenceStore, "delete", noted_delete)
    sending = asyncio.create_task(submit(learner, case_id, DOCUMENT))
    await storing.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending

    async def heard() -> bool:
        return any("_discard" in repr(task.get_coro()) for task in asyncio.all_tasks())

    await until(heard)
    hung_up.set()
    async with asyncio.timeout(20):
        await deleted.wait()
    assert in_store(world, case_id) == await named(world, case_id) == set()


async def test_a_picture_stays_where_the_answer_to_its_commit_was_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, proctor, _, case_id = await opened(world)
    commit, commits = AsyncConnection.commit, 0

    async def commit_and_lose_the_answer(connection: AsyncConnection) -> None:
        nonlocal commits
        await commit(connection)
        call = call_under_way()
        if call is not None and call.method.endswith("/SubmitEvidence"):
            commits += 1
            if commits == 2:  # the first one looked
                raise ConnectionResetError

    monkeypatch.setattr(AsyncConnection, "commit", commit_and_lose_the_answer)
    image, request_id = photo(), str(new_id())
    error = await refusal(submit(learner, case_id, DOCUMENT, image, request_id))
    assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "DATABASE_UNAVAILABLE")
    assert (await look(proctor, case_id)).image
    again = await submit(learner, case_id, DOCUMENT, image, request_id)
    assert list(again.evidence) == [DOCUMENT]
    assert len(in_store(world, case_id)) == 1


async def add_replaced(world: World, case_id: str, count: int) -> None:
    """The case has taken so many pictures before."""
    await world.rows(
        "INSERT INTO evidence SELECT gen_random_uuid(), :id, 'document', gen_random_uuid()::text,"
        " 'image/jpeg', 640, 480, now(), now() FROM generate_series(1, :count)",
        id=UUID(case_id),
        count=count,
    )


async def test_a_case_takes_so_many_pictures_and_what_a_proctor_asks_for_after_them(
    world: World, readings: Readings
) -> None:
    learner, proctor, _, case_id = await opened(world)
    await submit_both(learner, case_id)
    await add_replaced(world, case_id, MAX_IMAGES - 3)
    await submit(learner, case_id, DOCUMENT)
    error = await refused_without_change(world, submit(learner, case_id, DOCUMENT))
    assert (error.kind, error.reason) == (Kind.EXHAUSTED, "TOO_MANY_IMAGES")
    assert error.metadata == {"limit": f"{MAX_IMAGES} pictures"}
    assert readings.count == 3
    for _ in range(2):
        await ask_again(proctor, case_id)
        assert (await submit_both(learner, case_id)).state == pb.CASE_STATE_SUBMITTED
    error = await refusal(submit(learner, case_id, SELFIE))
    assert error.reason == "TOO_MANY_IMAGES"


async def test_pictures_sent_at_once_are_no_way_round_the_limit(
    world: World, readings: Readings
) -> None:
    learner, _, _, case_id = await opened(world)
    await submit(learner, case_id, DOCUMENT)
    # Each was looked at when there was room for it.
    readings.meanwhile = lambda: add_replaced(world, case_id, MAX_IMAGES)
    error = await refusal(submit(learner, case_id, DOCUMENT))
    assert error.reason == "TOO_MANY_IMAGES"
    assert len(in_store(world, case_id)) == 1


async def attempt(learner: Person, case_id: str, image: bytes) -> object:
    try:
        return await submit(learner, case_id, DOCUMENT, image)
    except grpc.aio.AioRpcError as failure:
        return failure


async def test_one_who_sends_many_costly_pictures_holds_up_nobody_else(world: World) -> None:
    attacker, _, _, attacked = await opened(world)
    learner, _, _, case_id = await opened(world)
    costly = encoded(Image.new("RGBA", (4000, 4000), (90, 120, 150, 200)), "PNG")
    attacks = [asyncio.create_task(attempt(attacker, attacked, costly)) for _ in range(12)]
    await asyncio.wait(attacks, return_when=asyncio.FIRST_COMPLETED)
    error = await refusal(submit(attacker, attacked, DOCUMENT, costly))
    assert (error.kind, error.reason) == (Kind.EXHAUSTED, "IMAGE_UPLOADS_IN_PROGRESS")
    assert error.retry_after == timedelta(seconds=5)
    await submit_both(learner, case_id)
    taken = [each for each in attacks if each.done() and isinstance(each.result(), pb.Case)]
    assert len(taken) < 4, "the learner waited for what another one had sent before"
    await asyncio.gather(*attacks)
