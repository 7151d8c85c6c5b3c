"""The responses on which other services rely, from enrollment and from its fake in their tests: both must agree."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

import grpc
import pytest
import pytest_asyncio

from proctorium.enrollment.v1 import codes_pb2, courses_pb2, organisation_pb2, people_pb2
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.enrollment import FakeEnrollment, assessments_of
from proctorium_devstack.testing.refusals import refusal

from .harness import Client, Harness, assessment, lesson, stamp

NAME, BORN = "Lena Fischer", "2001-04-17"


@dataclass(frozen=True)
class Admitting:
    """A code, the session that it admits to, and a learner whom it admits."""

    text: str
    session_id: str
    person_id: str


class Met(Protocol):
    """Enrollment as another service meets it, and what a test puts there beforehand."""

    def client(self, service: str) -> Client:
        """Stubs that call as this service."""
        ...

    async def person(self) -> str:
        """Somebody of NAME and BORN, who was never certified."""
        ...

    async def nobody(self) -> str:
        """An id that nobody has."""
        ...

    async def proctor(self, until: datetime) -> str:
        """Somebody who is certified until then."""
        ...

    async def course(self, *, published: bool) -> tuple[str, list[str]]:
        """A course, and the assessments that its outline names."""
        ...

    async def no_course(self) -> str:
        """An id that no course has."""
        ...

    async def code(self) -> Admitting:
        """A code that is good now."""
        ...

    async def revoke(self, code: Admitting) -> None:
        """Withdraws a code."""
        ...


class TheService:
    """Enrollment itself."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self.client = harness.peer

    async def person(self) -> str:
        return (await self._harness.person(name=NAME)).person_id

    async def nobody(self) -> str:
        return str(new_id())

    async def proctor(self, until: datetime) -> str:
        person_id = (await self._harness.person("proctor")).person_id
        request = people_pb2.CertifyProctorRequest(
            person_id=person_id, certified_until_time=stamp(until)
        )
        await self._harness.administrator.people.CertifyProctor(request)
        return person_id

    async def course(self, *, published: bool) -> tuple[str, list[str]]:
        named = [str(new_id()) for _ in range(3)]
        units = [lesson(), *(assessment(each) for each in named)]
        course = await self._harness.course(units=units, published=published)
        return course.course_id, named

    async def no_course(self) -> str:
        return str(new_id())

    async def code(self) -> Admitting:
        session = await self._harness.session()
        return Admitting(session.code, session.session_id, session.learner_ids[0])

    async def revoke(self, code: Admitting) -> None:
        codes = self._harness.administrator.codes
        listed = await codes.ListCodes(codes_pb2.ListCodesRequest(session_id=code.session_id))
        request = codes_pb2.RevokeCodeRequest(code_id=listed.codes[0].code_id)
        await codes.RevokeCode(request)


class TheFake:
    """The fake that stands for it."""

    def __init__(self, fake: FakeEnrollment, channel: grpc.aio.Channel) -> None:
        self._fake = fake
        self._client = Client(channel)

    def client(self, service: str) -> Client:
        return self._client

    async def person(self) -> str:
        person_id = str(new_id())
        self._fake.registered[person_id] = (NAME, BORN)
        self._fake.contacts[person_id] = people_pb2.Contact(
            person_id=person_id,
            email=f"{person_id}@example.org",
            preferred_name=NAME,
            locale="en",
            time_zone="UTC",
        )
        return person_id

    async def nobody(self) -> str:
        person_id = str(new_id())
        self._fake.unknown_people.add(person_id)
        return person_id

    async def proctor(self, until: datetime) -> str:
        person_id = new_id()
        self._fake.certified_until[person_id] = until
        return str(person_id)

    async def course(self, *, published: bool) -> tuple[str, list[str]]:
        course_id = str(new_id())
        if not published:
            self._fake.drafts.add(course_id)
        return course_id, assessments_of(course_id)

    async def no_course(self) -> str:
        course_id = str(new_id())
        self._fake.unknown_courses.add(course_id)
        return course_id

    async def code(self) -> Admitting:
        code = Admitting("Kf7Q2mXa", str(new_id()), str(new_id()))
        self._fake.codes[code.text] = UUID(code.session_id)
        self._fake.list_code(code.session_id, code.text)
        return code

    async def revoke(self, code: Admitting) -> None:
        revoked = self._fake.resolved(code.text)
        revoked.validity = codes_pb2.CODE_VALIDITY_REVOKED
        self._fake.resolutions[code.text] = codes_pb2.CodeResolution(code=revoked)


@pytest_asyncio.fixture(params=["service", "fake"])
async def met(request: pytest.FixtureRequest, harness: Harness) -> AsyncIterator[Met]:
    if request.param == "service":
        yield TheService(harness)
        return
    async with FakeEnrollment.serving() as fake:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{fake.port}")
        async with channel:
            yield TheFake(fake, channel)


async def test_certifications_include_expired_ones(met: Met) -> None:
    now = datetime.now(UTC)
    until, over = now + timedelta(days=365), now - timedelta(days=1)
    certified, was_certified = await met.proctor(until), await met.proctor(over)
    asked = [certified, await met.person(), was_certified, await met.nobody()]
    request = people_pb2.BatchGetCertificationsRequest(person_ids=asked)
    answer = await met.client("session").people.BatchGetCertifications(request)
    assert {
        each.person_id: each.certified_until_time.ToDatetime(tzinfo=UTC)
        for each in answer.certifications
    } == {certified: until, was_certified: over}


async def test_unknown_ids_are_listed_once_and_sorted(met: Met) -> None:
    nobodies = [await met.nobody() for _ in range(3)]
    asked = [*reversed(nobodies), await met.person(), nobodies[0]]
    request = people_pb2.CheckPeopleRequest(person_ids=asked)
    answer = await met.client("session").people.CheckPeople(request)
    assert list(answer.missing_person_ids) == sorted(nobodies)


async def test_registration_information_is_that_of_the_person(met: Met) -> None:
    people = met.client("identity").people
    request = people_pb2.GetRegistrationInformationRequest(person_id=await met.person())
    answer = await people.GetRegistrationInformation(request)
    assert (answer.legal_name, answer.date_of_birth) == (NAME, BORN)
    request = people_pb2.GetRegistrationInformationRequest(person_id=await met.nobody())
    told = await refusal(people.GetRegistrationInformation(request))
    assert (told.kind, told.reason) == (Kind.NOT_FOUND, "NOT_FOUND")


async def test_contacts_include_only_existing_people(met: Met) -> None:
    known = await met.person()
    request = people_pb2.BatchGetContactsRequest(person_ids=[await met.nobody(), known])
    (contact,) = (await met.client("notification").people.BatchGetContacts(request)).contacts
    assert contact.person_id == known
    assert contact.email.endswith("@example.org")
    assert (contact.preferred_name, contact.locale, contact.time_zone) == (NAME, "en", "UTC")


@pytest.mark.parametrize("published", [True, False])
async def test_course_has_its_publication_and_its_assessments(met: Met, published: bool) -> None:
    course_id, named = await met.course(published=published)
    request = courses_pb2.GetCourseRequest(course_id=course_id)
    course = (await met.client("session").courses.GetCourse(request)).course
    assert course.course_id == course_id
    assert course.HasField("publish_time") == published
    assert [unit.assessment_id for unit in course.units] == ["", *named]
    assert [unit.kind for unit in course.units] == [
        courses_pb2.UNIT_KIND_LESSON,
        *[courses_pb2.UNIT_KIND_ASSESSMENT] * len(named),
    ]


async def test_unknown_course_is_not_found(met: Met) -> None:
    request = courses_pb2.GetCourseRequest(course_id=await met.no_course())
    told = await refusal(met.client("session").courses.GetCourse(request))
    assert (told.kind, told.reason) == (Kind.NOT_FOUND, "NOT_FOUND")


async def test_codes_of_a_session_are_listed_with_their_text(met: Met) -> None:
    code = await met.code()
    request = codes_pb2.ListCodesRequest(session_id=code.session_id)
    (listed,) = (await met.client("notification").codes.ListCodes(request)).codes
    assert (listed.text, listed.session_id) == (code.text, code.session_id)
    assert listed.state == codes_pb2.CODE_STATE_ACTIVE
    assert listed.code_id == str(UUID(listed.code_id))


async def test_organisation_has_a_name_from_the_start(met: Met) -> None:
    request = organisation_pb2.GetOrganisationRequest()
    answer = await met.client("notification").organisation.GetOrganisation(request)
    assert answer.organisation.name


async def resolutions(met: Met, code: Admitting, *texts: str) -> list[codes_pb2.CodeResolution]:
    """What texts lead to; the first is entered by the code's learner, the others by somebody else each."""
    entries = [
        codes_pb2.CodeEntry(
            text=text, person_id=str(new_id()) if nth else code.person_id, client_address="::1"
        )
        for nth, text in enumerate(texts)
    ]
    request = codes_pb2.BatchResolveCodesRequest(entries=entries)
    response = await met.client("session").codes.BatchResolveCodes(request)
    return list(response.resolutions)


async def test_codes_are_resolved_in_the_order_of_the_entries(met: Met) -> None:
    code = await met.code()
    found, unknown = await resolutions(met, code, f" {code.text}\n", "zZzZ9999")
    assert found.code.session_id == code.session_id
    assert found.code.code_id == str(UUID(found.code.code_id))
    assert found.code.validity == codes_pb2.CODE_VALIDITY_VALID
    assert found.code.registered
    assert not found.code.person_id
    assert not found.HasField("retry_delay")
    assert unknown.WhichOneof("result") == "unknown"


async def test_revoked_code_resolves_as_revoked(met: Met) -> None:
    code = await met.code()
    await met.revoke(code)
    (resolution,) = await resolutions(met, code, code.text)
    assert resolution.code.validity == codes_pb2.CODE_VALIDITY_REVOKED
    assert resolution.code.session_id == code.session_id
