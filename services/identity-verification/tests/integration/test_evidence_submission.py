"""Tests of how submissions affect other callers, and of the objects that remain in the storage after submissions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import grpc
import pytest
from PIL import Image

from proctorium.identity.v1 import verification_pb2 as pb
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import optional_call
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import until
from proctorium_identity.domain.evidence import MAX_IMAGES
from proctorium_identity.images.process import ImageReader, ReadImage
from proctorium_identity.storage.objects import EvidenceStore

from ..images import encoded, photo
from .harness import (
    DOCUMENT,
    SELFIE,
    Harness,
    Person,
    request_resubmission,
    submit,
    submit_both,
    verify,
    view_image,
)
from .test_evidence import open_case

Meanwhile = Callable[[], Awaitable[object]]


class ReadCounter:
    """Counts the images that are read. If `meanwhile` is set, it is called and awaited after each image."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.meanwhile: Meanwhile | None = None
        read = ImageReader.read

        async def counted_read(
            reader: ImageReader, file: bytes, case_id: UUID, *, within: float | None = None
        ) -> ReadImage:
            self.count += 1
            image = await read(reader, file, case_id, within=within)
            if self.meanwhile is not None:
                await self.meanwhile()
            return image

        monkeypatch.setattr(ImageReader, "read", counted_read)


@pytest.fixture
def read_counter(monkeypatch: pytest.MonkeyPatch) -> ReadCounter:
    return ReadCounter(monkeypatch)


def stored_objects(harness: Harness, case_id: str) -> set[str]:
    """Return the keys of the case's objects in the storage."""
    folder = harness.evidence / case_id
    return {f"{case_id}/{each.name}" for each in folder.iterdir()} if folder.exists() else set()


async def referenced_objects(harness: Harness, case_id: str) -> set[str]:
    """Return the object keys in the rows of the case's images."""
    rows = await harness.rows(
        "SELECT object_key FROM evidence WHERE case_id = :id", id=UUID(case_id)
    )
    return {str(row[0]) for row in rows}


async def test_refused_submission_is_not_read(harness: Harness, read_counter: ReadCounter) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    error = await harness.refused(submit, harness.learner(), case_id, DOCUMENT)
    assert error.reason == "NOT_YOUR_CASE"
    await verify(proctor, case_id)
    error = await harness.refused(submit, learner, case_id, DOCUMENT)
    assert error.reason == "CASE_CLOSED"
    assert read_counter.count == 2


async def test_repeated_submission_is_not_read(harness: Harness, read_counter: ReadCounter) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit(learner, case_id, SELFIE)
    image, request_id = photo(), str(new_id())
    first = await submit(learner, case_id, DOCUMENT, image, request_id)
    await verify(proctor, case_id)
    assert await submit(learner, case_id, DOCUMENT, image, request_id) == first
    error = await refusal(submit(learner, case_id, SELFIE, image, request_id))
    assert error.reason == "REQUEST_ID_REUSED"
    assert read_counter.count == 2


async def test_concurrent_repetitions_store_one_object(harness: Harness) -> None:
    learner, _, _, case_id = await open_case(harness)
    image, request_id = photo(), str(new_id())
    first, *others = await asyncio.gather(
        *(submit(learner, case_id, DOCUMENT, image, request_id) for _ in range(3))
    )
    assert others == [first, first]
    assert len(stored_objects(harness, case_id)) == 1
    assert stored_objects(harness, case_id) == await referenced_objects(harness, case_id)


async def test_object_is_deleted_when_the_case_closes_during_the_submission(
    harness: Harness, read_counter: ReadCounter
) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    before = stored_objects(harness, case_id)
    read_counter.meanwhile = lambda: verify(proctor, case_id)
    error = await refusal(submit(learner, case_id, DOCUMENT))
    assert error.reason == "CASE_CLOSED"
    assert read_counter.count == 3
    assert stored_objects(harness, case_id) == before == await referenced_objects(harness, case_id)


async def test_cancelled_submission_deletes_its_object(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, _, _, case_id = await open_case(harness)
    storing, cancelled, deleted = asyncio.Event(), asyncio.Event(), asyncio.Event()
    put, delete = EvidenceStore.put, EvidenceStore.delete

    async def delayed_put(store: EvidenceStore, key: str, content: bytes) -> None:
        storing.set()
        await cancelled.wait()
        await put(store, key, content)

    async def observed_delete(store: EvidenceStore, key: str) -> None:
        assert stored_objects(harness, case_id) == {key}
        await delete(store, key)
        deleted.set()

    monkeypatch.setattr(EvidenceStore, "put", delayed_put)
    monkeypatch.setattr(EvidenceStore, "delete", observed_delete)
    submission = asyncio.create_task(submit(learner, case_id, DOCUMENT))
    await storing.wait()
    submission.cancel()
    with pytest.raises(asyncio.CancelledError):
        await submission

    async def discarding() -> bool:
        return any("_discard" in repr(task.get_coro()) for task in asyncio.all_tasks())

    await until(discarding)
    cancelled.set()
    async with asyncio.timeout(20):
        await deleted.wait()
    assert stored_objects(harness, case_id) == await referenced_objects(harness, case_id) == set()


async def test_object_stays_when_the_response_to_the_commit_is_lost(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    execute, commits = asyncpg.Connection.execute, 0

    async def commit_and_lose_response(
        connection: asyncpg.Connection[asyncpg.Record], query: str, *arguments: Any, **options: Any
    ) -> str:
        nonlocal commits
        status = await execute(connection, query, *arguments, **options)
        call = optional_call()
        if query == "COMMIT" and call is not None and call.method.endswith("/SubmitEvidence"):
            commits += 1
            if commits == 2:  # the first transaction of a call only reads
                raise ConnectionResetError
        return status

    monkeypatch.setattr(asyncpg.Connection, "execute", commit_and_lose_response)
    image, request_id = photo(), str(new_id())
    error = await refusal(submit(learner, case_id, DOCUMENT, image, request_id))
    assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "DATABASE_UNAVAILABLE")
    assert (await view_image(proctor, case_id)).image
    again = await submit(learner, case_id, DOCUMENT, image, request_id)
    assert list(again.evidence) == [DOCUMENT]
    assert len(stored_objects(harness, case_id)) == 1


async def insert_superseded(harness: Harness, case_id: str, count: int) -> None:
    """Insert rows for `count` superseded images of the case."""
    await harness.rows(
        "INSERT INTO evidence SELECT gen_random_uuid(), :id, 'document', gen_random_uuid()::text,"
        " 'image/jpeg', 640, 480, now(), now() FROM generate_series(1, :count)",
        id=UUID(case_id),
        count=count,
    )


async def test_case_over_the_limit_accepts_requested_images_only(
    harness: Harness, read_counter: ReadCounter
) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    await insert_superseded(harness, case_id, MAX_IMAGES - 3)
    await submit(learner, case_id, DOCUMENT)
    error = await harness.refused(submit, learner, case_id, DOCUMENT)
    assert (error.kind, error.reason) == (Kind.EXHAUSTED, "TOO_MANY_IMAGES")
    assert error.metadata == {"limit": f"{MAX_IMAGES} images"}
    assert read_counter.count == 3
    for _ in range(2):
        await request_resubmission(proctor, case_id)
        assert (await submit_both(learner, case_id)).state == pb.CASE_STATE_SUBMITTED
    error = await refusal(submit(learner, case_id, SELFIE))
    assert error.reason == "TOO_MANY_IMAGES"


async def test_concurrent_submissions_cannot_exceed_the_limit(
    harness: Harness, read_counter: ReadCounter
) -> None:
    learner, _, _, case_id = await open_case(harness)
    await submit(learner, case_id, DOCUMENT)
    # The superseded images are inserted after the first check of the limit, while the new image is read.
    read_counter.meanwhile = lambda: insert_superseded(harness, case_id, MAX_IMAGES)
    error = await refusal(submit(learner, case_id, DOCUMENT))
    assert error.reason == "TOO_MANY_IMAGES"
    assert len(stored_objects(harness, case_id)) == 1


async def submit_or_error(learner: Person, case_id: str, image: bytes) -> object:
    try:
        return await submit(learner, case_id, DOCUMENT, image)
    except grpc.aio.AioRpcError as failure:
        return failure


async def test_many_costly_images_of_one_case_delay_only_that_case(harness: Harness) -> None:
    attacker, _, _, attacked = await open_case(harness)
    learner, _, _, case_id = await open_case(harness)
    costly = encoded(Image.new("RGBA", (4000, 4000), (90, 120, 150, 200)), "PNG")
    attacks = [asyncio.create_task(submit_or_error(attacker, attacked, costly)) for _ in range(12)]
    await asyncio.wait(attacks, return_when=asyncio.FIRST_COMPLETED)
    error = await refusal(submit(attacker, attacked, DOCUMENT, costly))
    assert (error.kind, error.reason) == (Kind.EXHAUSTED, "IMAGE_UPLOADS_IN_PROGRESS")
    assert error.retry_after == timedelta(seconds=5)
    await submit_both(learner, case_id)
    accepted = [each for each in attacks if each.done() and isinstance(each.result(), pb.Case)]
    assert len(accepted) < 4, "the learner waited for the images of another case"
    await asyncio.gather(*attacks)
