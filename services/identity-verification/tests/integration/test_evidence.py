"""Pictures: sent, refused without loss, encrypted, and looked at by proctors only, with a trace of each look."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from PIL import Image

from proctorium.identity.v1 import verification_pb2 as pb
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing import AsOwner
from proctorium_devstack.testing.refusals import refusal
from proctorium_identity.domain.images import MIB

from ..pictures import black, photo, png_that_claims, zip_end
from .world import (
    DOCUMENT,
    SELFIE,
    Person,
    World,
    case_of,
    ended,
    look,
    refused_without_change,
    submit,
    submit_both,
    until,
    verify,
)


async def opened(world: World) -> tuple[Person, Person, str, str]:
    """A learner, a proctor, their session, and the learner's case in it."""
    learner, proctor = world.learner(), world.proctor()
    session_id = await world.session(proctor)
    return learner, proctor, session_id, await world.case(session_id, learner)


async def test_the_case_is_submitted_with_the_last_picture(world: World) -> None:
    learner, _, session_id, case_id = await opened(world)
    first = await submit(learner, case_id, SELFIE)
    assert (first.state, list(first.evidence)) == (pb.CASE_STATE_REQUESTED, [SELFIE])
    assert not first.HasField("submit_time")
    second = await submit(learner, case_id, DOCUMENT)
    assert (second.state, list(second.evidence)) == (pb.CASE_STATE_SUBMITTED, [DOCUMENT, SELFIE])
    assert second.HasField("submit_time")
    assert await world.published(session_id) == ["opened", "submitted"]
    assert await case_of(learner, case_id) == second


async def test_a_picture_replaces_the_one_before_and_keeps_the_place_in_the_queue(
    world: World,
) -> None:
    learner, proctor, session_id, case_id = await opened(world)
    before = await submit_both(learner, case_id)
    after = await submit(learner, case_id, DOCUMENT, photo(size=(300, 400)))
    assert after == before
    assert await world.published(session_id) == ["opened", "submitted"]
    shown = Image.open(io.BytesIO((await look(proctor, case_id)).image))
    assert shown.size == (300, 400)


@pytest.mark.parametrize(
    ("image", "reason", "limit"),
    [
        (b"no picture at all", "IMAGE_UNREADABLE", None),
        (photo()[:2000], "IMAGE_UNREADABLE", None),
        (photo() + b"PK\x03\x04" + zip_end(), "IMAGE_UNREADABLE", None),
        (b"\xff" * (8 * MIB + 1), "IMAGE_TOO_LARGE", f"{8 * MIB} bytes"),
        (b"\xff" * (15 * MIB), "IMAGE_TOO_LARGE", f"{8 * MIB} bytes"),
        (png_that_claims(60_000, 60_000, b"\0" * 1_000_000), "IMAGE_TOO_LARGE", "16000000 pixels"),
        (photo(size=(640, 150)), "IMAGE_TOO_SMALL", "200 pixels"),
        (black(), "IMAGE_TOO_DARK", None),
    ],
    ids=["text", "truncated", "polyglot", "large", "far too large", "bomb", "small", "dark"],
)
async def test_a_refused_picture_says_why_and_loses_nothing(
    world: World, image: bytes, reason: str, limit: str | None
) -> None:
    learner, _, _, case_id = await opened(world)
    await submit(learner, case_id, DOCUMENT)
    error = await refused_without_change(world, submit(learner, case_id, DOCUMENT, image))
    assert (error.kind, error.reason, error.metadata.get("limit")) == (Kind.INVALID, reason, limit)
    assert [each.field for each in error.violations] == ["image"]
    assert list((await case_of(learner, case_id)).evidence) == [DOCUMENT]
    assert (await submit(learner, case_id, SELFIE)).state == pb.CASE_STATE_SUBMITTED


async def test_what_no_server_takes_is_refused_before_it_is_read(world: World) -> None:
    learner, _, _, case_id = await opened(world)
    error = await refused_without_change(
        world, submit(learner, case_id, DOCUMENT, b"\xff" * (17 * MIB))
    )
    assert (error.kind, error.reason) == (Kind.EXHAUSTED, "MESSAGE_TOO_LARGE")


async def test_only_the_learner_sends_pictures(world: World) -> None:
    _, proctor, _, case_id = await opened(world)
    another = world.learner()
    error = await refused_without_change(world, submit(another, case_id, DOCUMENT))
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_CASE")
    nowhere = await refused_without_change(world, submit(another, str(new_id()), DOCUMENT))
    assert (nowhere.reason, nowhere.message) == (error.reason, error.message)
    error = await refused_without_change(world, submit(proctor, case_id, DOCUMENT))
    assert error.reason == "NOT_ALLOWED"


async def test_a_decided_case_and_one_that_is_over_take_no_pictures(world: World) -> None:
    learner, proctor, session_id, case_id = await opened(world)
    await submit_both(learner, case_id)
    await verify(proctor, case_id)
    error = await refused_without_change(world, submit(learner, case_id, DOCUMENT))
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "CASE_CLOSED")
    assert error.metadata == {"state": "verified"}
    late = world.learner()
    late_case = await world.case(session_id, late)
    await world.tell(ended(UUID(session_id)))

    async def over() -> bool:
        return (await case_of(late, late_case)).state == pb.CASE_STATE_EXPIRED

    await until(over)
    error = await refused_without_change(world, submit(late, late_case, DOCUMENT))
    assert (error.reason, error.metadata) == ("CASE_CLOSED", {"state": "expired"})


async def test_sending_the_same_request_again_answers_the_same_even_when_the_case_is_closed(
    world: World,
) -> None:
    learner, proctor, session_id, case_id = await opened(world)
    await submit(learner, case_id, SELFIE)
    image, request_id = photo(), str(new_id())
    first = await submit(learner, case_id, DOCUMENT, image, request_id)
    again = await submit(learner, case_id, DOCUMENT, image, request_id)
    await verify(proctor, case_id)
    after = await submit(learner, case_id, DOCUMENT, image, request_id)
    assert first == again == after
    assert await world.published(session_id) == ["opened", "submitted", "verified"]
    error = await refusal(submit(learner, case_id, SELFIE, image, request_id))
    assert error.reason == "REQUEST_ID_REUSED"


async def test_two_pictures_at_the_same_moment_submit_once(world: World) -> None:
    learner, _, session_id, case_id = await opened(world)
    await asyncio.gather(
        *(submit(learner, case_id, kind) for kind in (DOCUMENT, SELFIE, DOCUMENT, SELFIE))
    )
    assert (await case_of(learner, case_id)).state == pb.CASE_STATE_SUBMITTED
    assert await world.published(session_id) == ["opened", "submitted"]
    [[current]] = await world.rows(
        "SELECT count(*) FROM evidence WHERE case_id = :id AND superseded_at IS NULL",
        id=UUID(case_id),
    )
    assert current == 2


async def test_a_proctor_sees_the_picture_without_its_metadata_and_the_look_is_logged(
    world: World,
) -> None:
    learner, proctor, _, case_id = await opened(world)
    exif = Image.Exif()
    exif[0x010F] = "Maker of the phone"
    await submit(learner, case_id, DOCUMENT, photo(exif=exif))
    shown = await look(proctor, case_id)
    assert shown.media_type == "image/jpeg"
    assert Image.open(io.BytesIO(shown.image)).size == (640, 480)
    assert b"Maker" not in shown.image
    await look(proctor, case_id)
    assert await world.looks(case_id) == [(proctor.person_id, "document")] * 2


async def test_nothing_readable_is_kept(world: World) -> None:
    learner, proctor, _, case_id = await opened(world)
    await submit(learner, case_id, DOCUMENT)
    [file] = list((world.evidence / case_id).iterdir())
    shown = (await look(proctor, case_id)).image
    content = file.read_bytes()
    assert len(content) > len(shown)
    assert b"JFIF" not in content
    assert shown[100:140] not in content


async def test_a_ciphertext_in_another_ones_place_does_not_open(world: World) -> None:
    learner, proctor, _, case_id = await opened(world)
    await submit_both(learner, case_id)
    first, second = sorted((world.evidence / case_id).iterdir())
    first.write_bytes(second.read_bytes())
    error = await refusal(look(proctor, case_id, DOCUMENT))
    assert error.kind is Kind.INTERNAL


@pytest.mark.parametrize("whose", ["another proctor", "the learner"])
async def test_nobody_else_sees_a_picture_and_no_look_is_logged(world: World, whose: str) -> None:
    learner, _, _, case_id = await opened(world)
    await submit(learner, case_id, DOCUMENT)
    stranger = learner if whose == "the learner" else world.proctor()
    error = await refused_without_change(world, look(stranger, case_id))
    assert error.kind is Kind.NOT_ALLOWED
    nowhere = await refusal(look(stranger, str(new_id())))
    assert nowhere.message == error.message


async def test_a_picture_that_was_not_sent_is_missing(world: World) -> None:
    learner, proctor, _, case_id = await opened(world)
    await submit(learner, case_id, DOCUMENT)
    error = await refused_without_change(world, look(proctor, case_id, SELFIE))
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "EVIDENCE_MISSING")
    assert error.metadata == {"missing": "selfie"}


async def test_a_picture_that_is_gone_from_the_store_is_said_to_be_and_the_look_stays_logged(
    world: World,
) -> None:
    learner, proctor, _, case_id = await opened(world)
    await submit(learner, case_id, DOCUMENT)
    for file in (world.evidence / case_id).iterdir():
        file.unlink()
    error = await refusal(look(proctor, case_id))
    assert (error.kind, error.reason) == (Kind.NOT_FOUND, "EVIDENCE_DESTROYED")
    assert await world.looks(case_id) == [(proctor.person_id, "document")]


async def test_the_look_log_is_permanent(world: World, as_owner: AsOwner) -> None:
    learner, proctor, _, case_id = await opened(world)
    await submit(learner, case_id, DOCUMENT)
    await look(proctor, case_id)
    for statement in (
        "UPDATE evidence_access_log SET looked_by = gen_random_uuid()",
        "DELETE FROM evidence_access_log",
        "TRUNCATE evidence_access_log",
    ):
        with pytest.raises(asyncpg.PostgresError, match="permanent"):
            await as_owner(world.database.url, statement)
    assert len(await world.looks(case_id)) == 1


async def test_a_store_that_takes_nothing_leaves_the_case_as_it_was(world: World) -> None:
    learner, _, _, case_id = await opened(world)
    (world.evidence / case_id).write_bytes(b"a file where a folder is needed")
    error = await refused_without_change(world, submit(learner, case_id, DOCUMENT))
    assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")


async def test_the_registration_is_asked_for_and_the_look_logged(world: World) -> None:
    learner, proctor, _, case_id = await opened(world)
    world.enrollment.registered[learner.id] = ("Ada Lovelace", "1815-12-10")
    request = pb.GetRegistrationRequest(case_id=case_id)
    known = await proctor.stub.GetRegistration(request)
    assert (known.legal_name, known.date_of_birth) == ("Ada Lovelace", "1815-12-10")
    assert await world.looks(case_id) == [(proctor.person_id, "registration")]
    asked = len(world.enrollment.asked_for)
    error = await refused_without_change(world, world.proctor().stub.GetRegistration(request))
    assert error.reason == "NOT_YOUR_CASE"
    assert len(world.enrollment.asked_for) == asked


async def test_without_enrollment_the_registration_is_unavailable_and_pictures_are_not(
    world: World,
) -> None:
    learner, proctor, _, case_id = await opened(world)
    await submit(learner, case_id, DOCUMENT)
    await world.enrollment.stop()
    try:
        error = await refusal(
            proctor.stub.GetRegistration(pb.GetRegistrationRequest(case_id=case_id))
        )
        assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
        assert (await look(proctor, case_id)).image
        assert await world.looks(case_id) == [
            (proctor.person_id, "registration"),
            (proctor.person_id, "document"),
        ]
    finally:
        await world.enrollment.start()


async def test_evidence_is_closed_to_proctors_some_time_after_the_end_of_the_session(
    world: World,
) -> None:
    learner, proctor, session_id, case_id = await opened(world)
    administrator = world.person("administrator")
    await submit_both(learner, case_id)
    over = ended(UUID(session_id))
    over.end_time.FromDatetime(datetime.now(UTC) - timedelta(hours=23))
    await world.tell(over)
    await world.until_row(
        "SELECT 1 FROM sessions WHERE session_id = :id AND ended_at IS NOT NULL", UUID(session_id)
    )
    assert (await look(proctor, case_id)).image
    await world.rows(
        "UPDATE sessions SET ended_at = ended_at - interval '2 hours' WHERE session_id = :id",
        id=UUID(session_id),
    )
    before = await world.looks(case_id)
    registration = pb.GetRegistrationRequest(case_id=case_id)
    for call in (look(proctor, case_id), proctor.stub.GetRegistration(registration)):
        assert (await refusal(call)).reason == "EVIDENCE_CLOSED"
    assert await world.looks(case_id) == before
    assert (await look(administrator, case_id)).image
    assert await world.looks(case_id) == [*before, (administrator.person_id, "document")]
