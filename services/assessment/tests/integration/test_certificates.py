from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
import pytest_asyncio

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import results_pb2
from proctorium_assessment.domain.credentials import public_key_multibase
from proctorium_devstack.parts.nats import Nats
from proctorium_devstack.testing import AsOwner

from ..unit.test_credentials import verify_credential
from ..waiting import eventually
from .registrations import Registrations, registrations
from .world import Seat, World, refusal
from .world import world as running_world


@pytest_asyncio.fixture
async def known() -> AsyncIterator[Registrations]:
    async with registrations() as served:
        yield served


@pytest_asyncio.fixture
async def certifying(
    migrated_database: Callable[[str], str], nats: Nats, known: Registrations
) -> AsyncIterator[World]:
    url = migrated_database("proctorium_assessment")
    async with running_world(url, nats, enrollment=known.address) as started:
        yield started


async def passed(world: World, known: Registrations, name: str | None = "Ada Lovelace") -> Seat:
    """A learner who has passed an assessment that awards a certificate."""
    seat = await world.begun(awards_certificate=True)
    if name is not None:
        known.register(seat.learner.person_id, name)
    await seat.save(*(seat.change(item + 1, item) for item in range(4)))
    await seat.submit()
    return seat


async def result_of(seat: Seat) -> results_pb2.Result:
    request = results_pb2.GetResultRequest(attempt_id=seat.attempt_id)
    return (await seat.learner.results.GetResult(request)).result


def request_for(certificate_id: str) -> results_pb2.GetCertificateRequest:
    return results_pb2.GetCertificateRequest(certificate_id=certificate_id)


async def issued(seat: Seat) -> results_pb2.Certificate:
    certificate_id = (await result_of(seat)).certificate_id

    async def look() -> results_pb2.Certificate | None:
        try:
            answer = await seat.learner.certificates.GetCertificate(request_for(certificate_id))
        except Exception:  # noqa: BLE001 - what is pending is not there yet
            return None
        return answer.certificate

    found = await eventually(look)
    assert found is not None
    return found


async def test_a_pass_earns_a_certificate_that_anybody_can_verify(
    certifying: World, known: Registrations
) -> None:
    seat = await passed(certifying, known)
    certificate = await issued(seat)
    number = certificate.certificate_id

    download = await seat.learner.certificates.DownloadCertificate(
        results_pb2.DownloadCertificateRequest(certificate_id=number)
    )
    assert download.pdf.startswith(b"%PDF-")
    assert b"pdfaid" in download.pdf  # archival
    assert download.file_name == "certificate-Physics.pdf"

    anybody = certifying.person("learner")
    verified = await anybody.certificates.VerifyCertificate(
        results_pb2.VerifyCertificateRequest(certificate_id=number)
    )
    assert (verified.holder_name, verified.title) == ("Ada Lovelace", "Physics")

    credential = json.loads(certificate.credential_json)
    (key,) = await certifying.sql("SELECT public_key FROM issuer_keys")
    assert credential["issuer"]["id"] == f"did:key:{public_key_multibase(key['public_key'])}"
    assert verify_credential(credential, key["public_key"])
    assert credential["id"] == f"https://exams.example.org/certificates/{number}"

    (event,) = await certifying.events("certificate.issued")
    told = events_pb2.CertificateIssued.FromString(event)
    assert (told.certificate_id, told.person_id) == (number, str(seat.learner.person_id))


async def test_the_certificate_is_named_after_the_course(
    certifying: World, known: Registrations
) -> None:
    seat = await certifying.begun(awards_certificate=True)
    known.register(seat.learner.person_id, "Ada Lovelace")
    await certifying.publish_course(seat.course_id, "Radiation protection", 6.5)
    await seat.save(*(seat.change(item + 1, item) for item in range(4)))
    await seat.submit()
    assert (await issued(seat)).title == "Radiation protection"


async def test_without_enrollment_the_certificate_waits_and_is_made_later(
    certifying: World, known: Registrations
) -> None:
    known.away = True
    seat = await passed(certifying, known)
    certificate_id = (await result_of(seat)).certificate_id

    pending = await refusal(seat.learner.certificates.GetCertificate(request_for(certificate_id)))
    assert pending.reason == "CERTIFICATE_PENDING"
    assert pending.retry_after is not None

    async def asked() -> bool:
        return known.asked > 0

    await eventually(asked)
    known.away = False
    assert (await issued(seat)).title == "Physics"


async def test_others_do_not_see_a_certificate_and_administrators_do(
    certifying: World, known: Registrations
) -> None:
    seat = await passed(certifying, known)
    number = (await issued(seat)).certificate_id
    other = certifying.person()
    for refused in (
        await refusal(other.certificates.GetCertificate(request_for(number))),
        await refusal(
            other.certificates.DownloadCertificate(
                results_pb2.DownloadCertificateRequest(certificate_id=number)
            )
        ),
    ):
        assert refused.reason == "NOT_FOUND"
    seen = await certifying.administrator.certificates.GetCertificate(request_for(number))
    assert seen.certificate.certificate_id == number


async def test_a_fail_earns_none(certifying: World, known: Registrations) -> None:
    seat = await certifying.begun(awards_certificate=True)
    await seat.submit()
    result = await result_of(seat)
    assert not result.passed
    assert not result.certificate_id
    assert await certifying.sql("SELECT 1 FROM certificates") == []


async def test_the_database_refuses_to_change_or_remove_an_issued_certificate(
    certifying: World, known: Registrations, as_owner: AsOwner
) -> None:
    await issued(await passed(certifying, known))
    for statement in (
        "UPDATE certificates SET holder_name = 'Eve'",
        "DELETE FROM certificates",
        "TRUNCATE certificates",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await as_owner(certifying.service.settings.database_url, statement)


async def test_the_organisation_is_named_as_it_is_called_when_the_certificate_is_made(
    certifying: World, known: Registrations
) -> None:
    unnamed = await issued(await passed(certifying, known))
    known.organisation = "Example Training Centre"
    named = await issued(await passed(certifying, known))
    names = [json.loads(made.credential_json)["issuer"]["name"] for made in (unnamed, named)]
    assert names == ["Proctorium", "Example Training Centre"]


async def test_the_issuers_key_is_kept_sealed_and_used_again(
    certifying: World, known: Registrations
) -> None:
    first = json.loads((await issued(await passed(certifying, known))).credential_json)
    second = json.loads((await issued(await passed(certifying, known))).credential_json)
    assert first["issuer"]["id"] == second["issuer"]["id"]
    assert len(await certifying.sql("SELECT 1 FROM issuer_keys")) == 1
