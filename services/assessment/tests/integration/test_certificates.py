"""Tests of issuing, reading and verifying certificates."""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import results_pb2
from proctorium.enrollment.events.v1.events_pb2 import RegistrationCompleted
from proctorium_assessment.domain.credentials import Achievement, Issuer, public_key_multibase
from proctorium_assessment.operations import certificates
from proctorium_assessment.storage.certificates import Documents
from proctorium_common.ids import new_id
from proctorium_devstack.testing import AsOwner
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import until

from ..unit.test_credentials import verify_credential
from .harness import Harness, Person, Seat


def completion(
    learner: Person, *, awards: bool = True, title: str = "Radiation protection"
) -> RegistrationCompleted:
    """Return the event which reports that a learner has completed a course."""
    return RegistrationCompleted(
        registration_id=str(new_id()),
        person_id=str(learner.person_id),
        course_id=str(new_id()),
        course_title=title,
        awards_certificate=awards,
    )


async def completed(harness: Harness, name: str = "Ada Lovelace") -> Person:
    """Return a learner who has completed a course that awards a certificate."""
    learner = harness.person()
    harness.register(learner, name)
    await harness.handle(completion(learner))
    return learner


async def passed(harness: Harness) -> Seat:
    """Return the seat of a learner who has passed an assessment."""
    seat = await harness.started()
    await seat.save(*(seat.change(item + 1, item) for item in range(4)))
    await harness.submit_and_end(seat)
    return seat


async def listed(learner: Person) -> list[results_pb2.Certificate]:
    answer = await learner.transcripts.GetTranscript(results_pb2.GetTranscriptRequest())
    return list(answer.certificates)


def request_for(certificate_id: str) -> results_pb2.GetCertificateRequest:
    return results_pb2.GetCertificateRequest(certificate_id=certificate_id)


async def issued(learner: Person) -> results_pb2.Certificate:
    """Return the learner's only certificate after it is issued."""

    async def look() -> results_pb2.Certificate | None:
        [only] = await listed(learner)
        return only if only.HasField("issue_time") else None

    found = await until(look)
    assert found is not None
    answer = await learner.certificates.GetCertificate(request_for(found.certificate_id))
    return answer.certificate


async def test_certificate_of_a_completed_course_can_be_verified_by_everybody(
    harness: Harness,
) -> None:
    learner = await completed(harness)
    certificate = await issued(learner)
    number = certificate.certificate_id

    download = await learner.certificates.DownloadCertificate(
        results_pb2.DownloadCertificateRequest(certificate_id=number)
    )
    assert download.pdf.startswith(b"%PDF-")
    assert b"pdfaid" in download.pdf  # The file is archival (PDF/A).
    assert download.file_name == "certificate-Radiation-protection.pdf"

    anybody = harness.person("learner")
    verified = await anybody.certificates.VerifyCertificate(
        results_pb2.VerifyCertificateRequest(certificate_id=number)
    )
    assert (verified.holder_name, verified.title) == ("Ada Lovelace", "Radiation protection")

    credential = json.loads(certificate.credential_json)
    (key,) = await harness.rows("SELECT public_key FROM issuer_keys")
    assert credential["issuer"]["id"] == f"did:key:{public_key_multibase(key.public_key)}"
    assert verify_credential(credential, key.public_key)
    assert credential["id"] == f"https://exams.example.org/certificates/{number}"
    achievement = credential["credentialSubject"]["achievement"]
    assert achievement["id"] == f"urn:uuid:{certificate.course_id}"
    assert achievement["criteria"] == {"narrative": "Completed the course."}


async def test_issued_certificate_is_published(harness: Harness) -> None:
    learner = harness.person()
    harness.register(learner, "Ada Lovelace")
    event = completion(learner)
    await harness.handle(event)
    certificate = await issued(learner)
    (event_issued,) = await harness.events(events_pb2.CertificateIssued)
    assert event_issued == events_pb2.CertificateIssued(
        certificate_id=certificate.certificate_id,
        registration_id=event.registration_id,
        person_id=event.person_id,
        course_id=event.course_id,
        course_title="Radiation protection",
    )


async def test_passed_assessment_without_completion_has_no_certificate(harness: Harness) -> None:
    seat = await passed(harness)
    await harness.publish_course(
        seat.course_id, "Two examinations", 6.5, str(seat.assessment_id), str(new_id())
    )
    assert await listed(seat.learner) == []
    assert await harness.rows("SELECT 1 FROM certificates") == []


async def test_course_without_certificates_has_none(harness: Harness) -> None:
    learner = harness.person()
    await harness.handle(completion(learner, awards=False))
    assert await listed(learner) == []


async def test_repeated_completion_creates_one_certificate(harness: Harness) -> None:
    learner = harness.person()
    harness.register(learner, "Ada Lovelace")
    event = completion(learner)
    await asyncio.gather(*(harness.handle(event) for _ in range(4)))
    first = await issued(learner)
    harness.rewind()  # The handled event is redelivered after newer events.
    await harness.handle(event)
    assert await issued(learner) == first
    assert len(await harness.events(events_pb2.CertificateIssued)) == 1


@pytest.mark.parametrize("order", ["result first", "completion first"])
async def test_completion_before_the_result_creates_a_certificate(
    harness: Harness, order: str
) -> None:
    seat = await harness.started()
    harness.register(seat.learner, "Ada Lovelace")
    steps = [seat.submit, lambda: harness.handle(completion(seat.learner))]
    for step in steps if order == "result first" else reversed(steps):
        await step()
    assert (await issued(seat.learner)).title == "Radiation protection"


async def test_each_completed_course_has_its_own_certificate(harness: Harness) -> None:
    learner = harness.person()
    harness.register(learner, "Ada Lovelace")
    for title in ("First aid", "Fire safety"):
        await harness.handle(completion(learner, title=title))

    async def both() -> bool:
        return all(each.HasField("issue_time") for each in await listed(learner))

    await until(both)
    assert [each.title for each in await listed(learner)] == ["Fire safety", "First aid"]
    assert not any(each.credential_json for each in await listed(learner))


async def test_certificate_is_issued_after_enrollment_returns(harness: Harness) -> None:
    harness.enrollment.is_unavailable = True
    learner = await completed(harness)
    [waiting] = await listed(learner)
    assert not waiting.HasField("issue_time")
    assert waiting.title == "Radiation protection"

    refused = await refusal(
        learner.certificates.GetCertificate(request_for(waiting.certificate_id))
    )
    assert refused.reason == "CERTIFICATE_PENDING"
    assert refused.retry_after is not None

    async def was_called() -> bool:
        return bool(harness.enrollment.registrations_read)

    await until(was_called)
    harness.enrollment.is_unavailable = False
    assert (await issued(learner)).certificate_id == waiting.certificate_id


async def test_certificate_that_cannot_be_created_does_not_delay_others(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = certificates._documents
    tried: list[str] = []

    def fail_for_ada(achievement: Achievement, issuer: Issuer, seed: bytes) -> Documents:
        if achievement.holder_name == "Ada Lovelace":
            tried.append(achievement.holder_name)
            raise ValueError("this name cannot be rendered")
        return create(achievement, issuer, seed)

    monkeypatch.setattr(certificates, "_documents", fail_for_ada)
    unlucky = await completed(harness)
    await until(lambda: bool(tried))
    assert (await issued(await completed(harness, "Grace Hopper"))).HasField("issue_time")
    [postponed] = await listed(unlucky)
    assert not postponed.HasField("issue_time")


async def test_certificate_is_visible_to_its_holder_and_administrators(harness: Harness) -> None:
    learner = await completed(harness)
    number = (await issued(learner)).certificate_id
    other = harness.person()
    assert await listed(other) == []
    for refused in (
        await refusal(other.certificates.GetCertificate(request_for(number))),
        await refusal(
            other.certificates.DownloadCertificate(
                results_pb2.DownloadCertificateRequest(certificate_id=number)
            )
        ),
    ):
        assert refused.reason == "NOT_FOUND"
    seen = await harness.administrator.certificates.GetCertificate(request_for(number))
    assert seen.certificate.certificate_id == number
    transcript = await harness.administrator.transcripts.GetTranscript(
        results_pb2.GetTranscriptRequest(person_id=str(learner.person_id))
    )
    assert [each.certificate_id for each in transcript.certificates] == [number]


async def test_issued_certificate_cannot_be_changed_or_deleted(
    harness: Harness, as_owner: AsOwner
) -> None:
    await issued(await completed(harness))
    for statement in (
        "UPDATE certificates SET holder_name = 'Eve'",
        "DELETE FROM certificates",
        "TRUNCATE certificates",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await as_owner(harness.database_url, statement)


async def test_certificate_has_the_current_name_of_the_organisation(harness: Harness) -> None:
    harness.enrollment.organisation = ""
    unnamed = await issued(await completed(harness))
    harness.enrollment.organisation = "Example Training Centre"
    named = await issued(await completed(harness))
    names = [json.loads(made.credential_json)["issuer"]["name"] for made in (unnamed, named)]
    assert names == ["Proctorium", "Example Training Centre"]


async def test_issuer_key_is_stored_encrypted_and_reused(harness: Harness) -> None:
    first = json.loads((await issued(await completed(harness))).credential_json)
    second = json.loads((await issued(await completed(harness))).credential_json)
    assert first["issuer"]["id"] == second["issuer"]["id"]
    assert len(await harness.rows("SELECT 1 FROM issuer_keys")) == 1
