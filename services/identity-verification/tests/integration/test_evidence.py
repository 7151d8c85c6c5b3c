"""Tests of submitting images, and of viewing images and registration data."""

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
from proctorium_devstack.testing.waiting import until
from proctorium_identity.domain.images import MIB

from ..images import black, photo, png_with_size, zip_end
from .harness import (
    DOCUMENT,
    SELFIE,
    Harness,
    Person,
    case_of,
    ended,
    submit,
    submit_both,
    verify,
    view_image,
)


async def open_case(harness: Harness) -> tuple[Person, Person, str, str]:
    """Return a learner, a proctor, the id of their session, and the id of the learner's case in the session."""
    learner, proctor = harness.learner(), harness.proctor()
    session_id = await harness.session(proctor)
    return learner, proctor, session_id, await harness.case(session_id, learner)


async def test_last_image_submits_the_case(harness: Harness) -> None:
    learner, _, session_id, case_id = await open_case(harness)
    first = await submit(learner, case_id, SELFIE)
    assert (first.state, list(first.evidence)) == (pb.CASE_STATE_REQUESTED, [SELFIE])
    assert not first.HasField("submit_time")
    second = await submit(learner, case_id, DOCUMENT)
    assert (second.state, list(second.evidence)) == (pb.CASE_STATE_SUBMITTED, [DOCUMENT, SELFIE])
    assert second.HasField("submit_time")
    assert await harness.published(session_id) == ["case.opened", "case.submitted"]
    assert await case_of(learner, case_id) == second


async def test_replaced_image_keeps_the_position_in_the_queue(
    harness: Harness,
) -> None:
    learner, proctor, session_id, case_id = await open_case(harness)
    before = await submit_both(learner, case_id)
    after = await submit(learner, case_id, DOCUMENT, photo(size=(300, 400)))
    assert after == before
    assert await harness.published(session_id) == ["case.opened", "case.submitted"]
    image = Image.open(io.BytesIO((await view_image(proctor, case_id)).image))
    assert image.size == (300, 400)


@pytest.mark.parametrize(
    ("image", "reason", "limit"),
    [
        (b"not an image", "IMAGE_UNREADABLE", None),
        (photo()[:2000], "IMAGE_UNREADABLE", None),
        (photo() + b"PK\x03\x04" + zip_end(), "IMAGE_UNREADABLE", None),
        (b"\xff" * (8 * MIB + 1), "IMAGE_TOO_LARGE", f"{8 * MIB} bytes"),
        (b"\xff" * (15 * MIB), "IMAGE_TOO_LARGE", f"{8 * MIB} bytes"),
        (png_with_size(60_000, 60_000, b"\0" * 1_000_000), "IMAGE_TOO_LARGE", "16000000 pixels"),
        (photo(size=(640, 150)), "IMAGE_TOO_SMALL", "200 pixels"),
        (black(), "IMAGE_TOO_DARK", None),
    ],
    ids=["text", "truncated", "polyglot", "large", "far too large", "bomb", "small", "dark"],
)
async def test_refused_image_has_a_reason_and_changes_nothing(
    harness: Harness, image: bytes, reason: str, limit: str | None
) -> None:
    learner, _, _, case_id = await open_case(harness)
    await submit(learner, case_id, DOCUMENT)
    error = await harness.refused(submit, learner, case_id, DOCUMENT, image)
    assert (error.kind, error.reason, error.metadata.get("limit")) == (Kind.INVALID, reason, limit)
    assert [each.field for each in error.violations] == ["image"]
    assert list((await case_of(learner, case_id)).evidence) == [DOCUMENT]
    assert (await submit(learner, case_id, SELFIE)).state == pb.CASE_STATE_SUBMITTED


async def test_message_over_the_limit_is_refused(harness: Harness) -> None:
    learner, _, _, case_id = await open_case(harness)
    error = await harness.refused(submit, learner, case_id, DOCUMENT, b"\xff" * (17 * MIB))
    assert (error.kind, error.reason) == (Kind.EXHAUSTED, "MESSAGE_TOO_LARGE")


async def test_only_the_learner_of_the_case_submits_images(harness: Harness) -> None:
    _, proctor, _, case_id = await open_case(harness)
    another = harness.learner()
    error = await harness.refused(submit, another, case_id, DOCUMENT)
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_CASE")
    nowhere = await harness.refused(submit, another, str(new_id()), DOCUMENT)
    assert (nowhere.reason, nowhere.message) == (error.reason, error.message)
    error = await harness.refused(submit, proctor, case_id, DOCUMENT)
    assert error.reason == "NOT_ALLOWED"


async def test_decided_and_expired_cases_accept_no_images(harness: Harness) -> None:
    learner, proctor, session_id, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    await verify(proctor, case_id)
    error = await harness.refused(submit, learner, case_id, DOCUMENT)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "CASE_CLOSED")
    assert error.metadata == {"state": "verified"}
    late = harness.learner()
    late_case = await harness.case(session_id, late)
    await harness.publish(ended(UUID(session_id)))

    async def over() -> bool:
        return (await case_of(late, late_case)).state == pb.CASE_STATE_EXPIRED

    await until(over)
    error = await harness.refused(submit, late, late_case, DOCUMENT)
    assert (error.reason, error.metadata) == ("CASE_CLOSED", {"state": "expired"})


async def test_repeated_submission_returns_the_first_response_after_the_decision(
    harness: Harness,
) -> None:
    learner, proctor, session_id, case_id = await open_case(harness)
    await submit(learner, case_id, SELFIE)
    image, request_id = photo(), str(new_id())
    first = await submit(learner, case_id, DOCUMENT, image, request_id)
    again = await submit(learner, case_id, DOCUMENT, image, request_id)
    await verify(proctor, case_id)
    after = await submit(learner, case_id, DOCUMENT, image, request_id)
    assert first == again == after
    assert await harness.published(session_id) == ["case.opened", "case.submitted", "case.verified"]
    error = await refusal(submit(learner, case_id, SELFIE, image, request_id))
    assert error.reason == "REQUEST_ID_REUSED"


async def test_concurrent_images_submit_the_case_once(harness: Harness) -> None:
    learner, _, session_id, case_id = await open_case(harness)
    await asyncio.gather(
        *(submit(learner, case_id, kind) for kind in (DOCUMENT, SELFIE, DOCUMENT, SELFIE))
    )
    assert (await case_of(learner, case_id)).state == pb.CASE_STATE_SUBMITTED
    assert await harness.published(session_id) == ["case.opened", "case.submitted"]
    [[current]] = await harness.rows(
        "SELECT count(*) FROM evidence WHERE case_id = :id AND superseded_at IS NULL",
        id=UUID(case_id),
    )
    assert current == 2


async def test_viewed_image_has_no_metadata_and_the_access_is_logged(
    harness: Harness,
) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    exif = Image.Exif()
    exif[0x010F] = "Maker of the phone"
    await submit(learner, case_id, DOCUMENT, photo(exif=exif))
    image = await view_image(proctor, case_id)
    assert image.media_type == "image/jpeg"
    assert Image.open(io.BytesIO(image.image)).size == (640, 480)
    assert b"Maker" not in image.image
    await view_image(proctor, case_id)
    assert await harness.accesses_of(case_id) == [(proctor.person_id, "document")] * 2


async def test_stored_image_is_encrypted(harness: Harness) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit(learner, case_id, DOCUMENT)
    [file] = list((harness.evidence / case_id).iterdir())
    image = (await view_image(proctor, case_id)).image
    content = file.read_bytes()
    assert len(content) > len(image)
    assert b"JFIF" not in content
    assert image[100:140] not in content


async def test_swapped_ciphertext_is_not_decrypted(harness: Harness) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    first, second = sorted((harness.evidence / case_id).iterdir())
    first.write_bytes(second.read_bytes())
    error = await refusal(view_image(proctor, case_id, DOCUMENT))
    assert error.kind is Kind.INTERNAL


@pytest.mark.parametrize("whose", ["another proctor", "the learner"])
async def test_refused_view_is_not_logged(harness: Harness, whose: str) -> None:
    learner, _, _, case_id = await open_case(harness)
    await submit(learner, case_id, DOCUMENT)
    stranger = learner if whose == "the learner" else harness.proctor()
    error = await harness.refused(view_image, stranger, case_id)
    assert error.kind is Kind.NOT_ALLOWED
    nowhere = await refusal(view_image(stranger, str(new_id())))
    assert nowhere.message == error.message


async def test_missing_image_cannot_be_viewed(harness: Harness) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit(learner, case_id, DOCUMENT)
    error = await harness.refused(view_image, proctor, case_id, SELFIE)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "EVIDENCE_MISSING")
    assert error.metadata == {"missing": "selfie"}


async def test_destroyed_image_has_its_own_error_and_the_access_is_logged(
    harness: Harness,
) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit(learner, case_id, DOCUMENT)
    for file in (harness.evidence / case_id).iterdir():
        file.unlink()
    error = await refusal(view_image(proctor, case_id))
    assert (error.kind, error.reason) == (Kind.NOT_FOUND, "EVIDENCE_DESTROYED")
    assert await harness.accesses_of(case_id) == [(proctor.person_id, "document")]


async def test_evidence_access_log_is_permanent(harness: Harness, as_owner: AsOwner) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit(learner, case_id, DOCUMENT)
    await view_image(proctor, case_id)
    for statement in (
        "UPDATE evidence_access_log SET accessed_by = gen_random_uuid()",
        "DELETE FROM evidence_access_log",
        "TRUNCATE evidence_access_log",
    ):
        with pytest.raises(asyncpg.PostgresError, match="permanent"):
            await as_owner(harness.database_url, statement)
    assert len(await harness.accesses_of(case_id)) == 1


async def test_failed_storage_changes_nothing(harness: Harness) -> None:
    learner, _, _, case_id = await open_case(harness)
    (harness.evidence / case_id).write_bytes(b"a file where a folder is needed")
    error = await harness.refused(submit, learner, case_id, DOCUMENT)
    assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")


async def test_registration_data_is_returned_and_the_access_is_logged(harness: Harness) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    harness.enrollment.registered[learner.id] = ("Ada Lovelace", "1815-12-10")
    request = pb.GetRegistrationRequest(case_id=case_id)
    known = await proctor.stub.GetRegistration(request)
    assert (known.legal_name, known.date_of_birth) == ("Ada Lovelace", "1815-12-10")
    assert await harness.accesses_of(case_id) == [(proctor.person_id, "registration")]
    asked = len(harness.enrollment.registrations_read)
    error = await harness.refused(harness.proctor().stub.GetRegistration, request)
    assert error.reason == "NOT_YOUR_CASE"
    assert len(harness.enrollment.registrations_read) == asked


async def test_images_can_be_viewed_without_enrollment(
    harness: Harness,
) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit(learner, case_id, DOCUMENT)
    async with harness.without(harness.enrollment):
        error = await refusal(
            proctor.stub.GetRegistration(pb.GetRegistrationRequest(case_id=case_id))
        )
        assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
        assert (await view_image(proctor, case_id)).image
        assert await harness.accesses_of(case_id) == [
            (proctor.person_id, "registration"),
            (proctor.person_id, "document"),
        ]


async def test_evidence_is_closed_to_proctors_after_the_access_period(
    harness: Harness,
) -> None:
    learner, proctor, session_id, case_id = await open_case(harness)
    administrator = harness.person("administrator")
    await submit_both(learner, case_id)
    over = ended(UUID(session_id))
    over.end_time.FromDatetime(datetime.now(UTC) - timedelta(hours=23))
    await harness.publish(over)
    await harness.until_row(
        "SELECT 1 FROM sessions WHERE session_id = :id AND ended_at IS NOT NULL",
        id=UUID(session_id),
    )
    assert (await view_image(proctor, case_id)).image
    await harness.rows(
        "UPDATE sessions SET ended_at = ended_at - interval '2 hours' WHERE session_id = :id",
        id=UUID(session_id),
    )
    before = await harness.accesses_of(case_id)
    registration = pb.GetRegistrationRequest(case_id=case_id)
    for call in (view_image(proctor, case_id), proctor.stub.GetRegistration(registration)):
        assert (await refusal(call)).reason == "EVIDENCE_CLOSED"
    assert await harness.accesses_of(case_id) == before
    assert (await view_image(administrator, case_id)).image
    assert await harness.accesses_of(case_id) == [*before, (administrator.person_id, "document")]
