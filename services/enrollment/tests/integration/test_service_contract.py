"""Tests of the responses of enrollment on which other services rely.

Each test runs with enrollment and with the fake of enrollment that other services use in their tests. The responses of
both must agree.
"""

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
class ValidCode:
    """A valid code, with its session and with a learner whom the code admits."""

    text: str
    session_id: str
    person_id: str


class Subject(Protocol):
    """Enrollment or the fake of enrollment, with methods that create the data of a test."""

    def client(self, service: str) -> Client:
        """Return the stubs with which the service `service` calls the subject."""
        ...

    async def person(self) -> str:
        """Create a person named NAME who was born on BORN and was never certified, and return the person's id."""
        ...

    async def unknown_person(self) -> str:
        """Return an id that does not belong to a person."""
        ...

    async def proctor(self, until: datetime) -> str:
        """Create a proctor who is certified until `until`, and return the proctor's id."""
        ...

    async def administrators(self) -> list[str]:
        """Create three administrators and return their ids."""
        ...

    async def course(self, *, published: bool) -> tuple[str, list[str]]:
        """Create a course. Return the id of the course and the ids of the assessments in its outline."""
        ...

    async def unknown_course(self) -> str:
        """Return an id that does not belong to a course."""
        ...

    async def code(self) -> ValidCode:
        """Create a valid code."""
        ...

    async def revoke(self, code: ValidCode) -> None:
        """Revoke a code."""
        ...


class ServiceSubject:
    """Enrollment itself."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self.client = harness.peer

    async def person(self) -> str:
        return (await self._harness.person(name=NAME)).person_id

    async def unknown_person(self) -> str:
        return str(new_id())

    async def proctor(self, until: datetime) -> str:
        person_id = (await self._harness.person("proctor")).person_id
        request = people_pb2.CertifyProctorRequest(
            person_id=person_id, certified_until_time=stamp(until)
        )
        await self._harness.administrator.people.CertifyProctor(request)
        return person_id

    async def administrators(self) -> list[str]:
        return [(await self._harness.person("administrator")).person_id for _ in range(3)]

    async def course(self, *, published: bool) -> tuple[str, list[str]]:
        named = [str(new_id()) for _ in range(3)]
        units = [lesson(), *(assessment(each) for each in named)]
        course = await self._harness.course(units=units, published=published)
        return course.course_id, named

    async def unknown_course(self) -> str:
        return str(new_id())

    async def code(self) -> ValidCode:
        session = await self._harness.session()
        return ValidCode(session.code, session.session_id, session.learner_ids[0])

    async def revoke(self, code: ValidCode) -> None:
        codes = self._harness.administrator.codes
        listed = await codes.ListCodes(codes_pb2.ListCodesRequest(session_id=code.session_id))
        request = codes_pb2.RevokeCodeRequest(code_id=listed.codes[0].code_id)
        await codes.RevokeCode(request)


class FakeSubject:
    """Calls the fake of enrollment that other services use in their tests."""

    def __init__(self, fake: FakeEnrollment, channel: grpc.aio.Channel) -> None:
        self._fake = fake
        self._client = Client(channel)

    def client(self, service: str) -> Client:
        return self._client

    async def person(self) -> str:
        person_id = str(new_id())
        self._fake.registered[person_id] = (NAME, BORN)
        self._fake.names[person_id] = NAME
        self._fake.contacts[person_id] = people_pb2.Contact(
            person_id=person_id,
            email=f"{person_id}@example.org",
            preferred_name=NAME,
            locale="en",
            time_zone="UTC",
        )
        return person_id

    async def unknown_person(self) -> str:
        person_id = str(new_id())
        self._fake.unknown_people.add(person_id)
        return person_id

    async def proctor(self, until: datetime) -> str:
        person_id = new_id()
        self._fake.certified_until[person_id] = until
        return str(person_id)

    async def administrators(self) -> list[str]:
        self._fake.administrators = [str(new_id()) for _ in range(3)]
        return self._fake.administrators

    async def course(self, *, published: bool) -> tuple[str, list[str]]:
        course_id = str(new_id())
        if not published:
            self._fake.drafts.add(course_id)
        return course_id, assessments_of(course_id)

    async def unknown_course(self) -> str:
        course_id = str(new_id())
        self._fake.unknown_courses.add(course_id)
        return course_id

    async def code(self) -> ValidCode:
        code = ValidCode("Kf7Q2mXa", str(new_id()), str(new_id()))
        self._fake.codes[code.text] = UUID(code.session_id)
        self._fake.list_code(code.session_id, code.text)
        return code

    async def revoke(self, code: ValidCode) -> None:
        revoked = self._fake.resolved(code.text)
        revoked.validity = codes_pb2.CODE_VALIDITY_REVOKED
        self._fake.resolutions[code.text] = codes_pb2.CodeResolution(code=revoked)


@pytest_asyncio.fixture(params=["service", "fake"])
async def subject(request: pytest.FixtureRequest, harness: Harness) -> AsyncIterator[Subject]:
    if request.param == "service":
        yield ServiceSubject(harness)
        return
    async with FakeEnrollment.serving() as fake:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{fake.port}")
        async with channel:
            yield FakeSubject(fake, channel)


async def test_certifications_include_expired_ones(subject: Subject) -> None:
    now = datetime.now(UTC)
    until, past = now + timedelta(days=365), now - timedelta(days=1)
    certified, was_certified = await subject.proctor(until), await subject.proctor(past)
    person_ids = [certified, await subject.person(), was_certified, await subject.unknown_person()]
    request = people_pb2.BatchGetCertificationsRequest(person_ids=person_ids)
    response = await subject.client("session").people.BatchGetCertifications(request)
    assert {
        each.person_id: each.certified_until_time.ToDatetime(tzinfo=UTC)
        for each in response.certifications
    } == {certified: until, was_certified: past}


async def test_unknown_ids_are_listed_once_and_sorted(subject: Subject) -> None:
    unknown = [await subject.unknown_person() for _ in range(3)]
    person_ids = [*reversed(unknown), await subject.person(), unknown[0]]
    request = people_pb2.CheckPeopleRequest(person_ids=person_ids)
    response = await subject.client("session").people.CheckPeople(request)
    assert list(response.missing_person_ids) == sorted(unknown)


async def test_names_of_all_people_are_for_session_orchestration(subject: Subject) -> None:
    known = await subject.person()
    request = people_pb2.BatchGetNamesRequest(person_ids=[await subject.unknown_person(), known])
    (name,) = (await subject.client("session").people.BatchGetNames(request)).names
    assert (name.person_id, name.legal_name) == (known, NAME)


async def test_registration_information_is_that_of_the_person(subject: Subject) -> None:
    people = subject.client("identity").people
    request = people_pb2.GetRegistrationInformationRequest(person_id=await subject.person())
    response = await people.GetRegistrationInformation(request)
    assert (response.legal_name, response.date_of_birth) == (NAME, BORN)
    request = people_pb2.GetRegistrationInformationRequest(person_id=await subject.unknown_person())
    error = await refusal(people.GetRegistrationInformation(request))
    assert (error.kind, error.reason) == (Kind.NOT_FOUND, "NOT_FOUND")


async def test_contacts_include_only_existing_people(subject: Subject) -> None:
    known = await subject.person()
    request = people_pb2.BatchGetContactsRequest(person_ids=[await subject.unknown_person(), known])
    (contact,) = (await subject.client("notification").people.BatchGetContacts(request)).contacts
    assert contact.person_id == known
    assert contact.email.endswith("@example.org")
    assert (contact.preferred_name, contact.locale, contact.time_zone) == (NAME, "en", "UTC")


@pytest.mark.parametrize("published", [True, False])
async def test_course_has_its_publication_and_its_assessments(
    subject: Subject, published: bool
) -> None:
    course_id, named = await subject.course(published=published)
    request = courses_pb2.GetCourseRequest(course_id=course_id)
    course = (await subject.client("session").courses.GetCourse(request)).course
    assert course.course_id == course_id
    assert course.HasField("publish_time") == published
    assert [unit.assessment_id for unit in course.units] == ["", *named]
    assert [unit.kind for unit in course.units] == [
        courses_pb2.UNIT_KIND_LESSON,
        *[courses_pb2.UNIT_KIND_ASSESSMENT] * len(named),
    ]


async def test_unknown_course_is_not_found(subject: Subject) -> None:
    request = courses_pb2.GetCourseRequest(course_id=await subject.unknown_course())
    error = await refusal(subject.client("session").courses.GetCourse(request))
    assert (error.kind, error.reason) == (Kind.NOT_FOUND, "NOT_FOUND")


async def test_codes_of_a_session_are_listed_with_their_text(subject: Subject) -> None:
    code = await subject.code()
    request = codes_pb2.ListCodesRequest(session_id=code.session_id)
    (listed,) = (await subject.client("notification").codes.ListCodes(request)).codes
    assert (listed.text, listed.session_id) == (code.text, code.session_id)
    assert listed.state == codes_pb2.CODE_STATE_ACTIVE
    assert listed.code_id == str(UUID(listed.code_id))


async def test_organisation_has_a_name_from_the_start(subject: Subject) -> None:
    request = organisation_pb2.GetOrganisationRequest()
    response = await subject.client("notification").organisation.GetOrganisation(request)
    assert response.organisation.name


async def resolutions(
    subject: Subject, code: ValidCode, *texts: str
) -> list[codes_pb2.CodeResolution]:
    """Resolve `texts` in one call, and return the resolutions.

    The first text is entered by the learner whom `code` admits. Each other text is entered by a new person.
    """
    entries = [
        codes_pb2.CodeEntry(
            text=text, person_id=str(new_id()) if nth else code.person_id, client_address="::1"
        )
        for nth, text in enumerate(texts)
    ]
    request = codes_pb2.BatchResolveCodesRequest(entries=entries)
    response = await subject.client("session").codes.BatchResolveCodes(request)
    return list(response.resolutions)


async def test_codes_are_resolved_in_the_order_of_the_entries(subject: Subject) -> None:
    code = await subject.code()
    found, unknown = await resolutions(subject, code, f" {code.text}\n", "zZzZ9999")
    assert found.code.session_id == code.session_id
    assert found.code.code_id == str(UUID(found.code.code_id))
    assert found.code.validity == codes_pb2.CODE_VALIDITY_VALID
    assert found.code.registered
    assert not found.code.person_id
    assert not found.HasField("retry_delay")
    assert unknown.WhichOneof("result") == "unknown"


async def test_revoked_code_resolves_as_revoked(subject: Subject) -> None:
    code = await subject.code()
    await subject.revoke(code)
    (resolution,) = await resolutions(subject, code, code.text)
    assert resolution.code.validity == codes_pb2.CODE_VALIDITY_REVOKED
    assert resolution.code.session_id == code.session_id


async def test_administrators_have_pages(subject: Subject) -> None:
    person_id, administrator_ids = await subject.person(), await subject.administrators()
    client = subject.client("notification")
    request = people_pb2.ListAdministratorsRequest(page_size=2)
    found: list[str] = []
    while True:
        response = await client.people.ListAdministrators(request)
        assert len(response.person_ids) <= 2
        found += response.person_ids
        if not response.next_page_token:
            break
        request.page_token = response.next_page_token
    assert found == sorted(found)
    assert len(administrator_ids) == 3
    assert set(administrator_ids) <= set(found)
    assert person_id not in found
