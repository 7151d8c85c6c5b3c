"""A fake enrollment service with a real gRPC server, for tests of services that call enrollment.

`test_service_contract.py` of enrollment runs the same tests with this fake and with the real service.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.enrollment.v1 import (
    codes_pb2,
    codes_pb2_grpc,
    courses_pb2,
    courses_pb2_grpc,
    organisation_pb2,
    organisation_pb2_grpc,
    people_pb2,
    people_pb2_grpc,
)
from proctorium_common.errors import ServiceError, not_found, unavailable
from proctorium_common.ids import new_id
from proctorium_common.rpc.calls import Context
from proctorium_common.rpc.status import CODES, DETAILS_KEY, details_of
from proctorium_devstack.testing.fake_service import FakeService


@dataclass
class FakeEnrollment(
    FakeService,
    people_pb2_grpc.PersonServiceServicer,
    courses_pb2_grpc.CourseServiceServicer,
    codes_pb2_grpc.CodeServiceServicer,
    organisation_pb2_grpc.OrganisationServiceServicer,
):
    """A fake of enrollment. It returns the data that a test has configured.

    The fake has only the methods that other services call. If a test configures nothing, every person and course
    exists. The codes in `codes` are valid, shared codes that admit every learner.
    """

    name = "enrollment"
    register = (
        people_pb2_grpc.add_PersonServiceServicer_to_server,
        courses_pb2_grpc.add_CourseServiceServicer_to_server,
        codes_pb2_grpc.add_CodeServiceServicer_to_server,
        organisation_pb2_grpc.add_OrganisationServiceServicer_to_server,
    )

    certified_until: dict[UUID, datetime] = field(default_factory=dict)
    unknown_people: set[str] = field(default_factory=set)
    registered: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The legal name and date of birth of each person, by ID."""
    contacts: dict[str, people_pb2.Contact] = field(default_factory=dict)
    administrators: list[str] = field(default_factory=list)
    """The IDs that ListAdministrators returns, at most two in each response."""
    unknown_courses: set[str] = field(default_factory=set)
    drafts: set[str] = field(default_factory=set)
    listed_codes: dict[str, list[codes_pb2.Code]] = field(default_factory=dict)
    """The codes that ListCodes returns, by session ID."""
    codes_per_page: int = 2
    codes: dict[str, UUID] = field(default_factory=dict)
    """The ID of the session of each code, by the code's text."""
    resolutions: dict[str, codes_pb2.CodeResolution] = field(default_factory=dict)
    """The resolutions that BatchResolveCodes returns instead of the default resolution, by the code's text."""
    entries: list[codes_pb2.CodeEntry] = field(default_factory=list)
    """The code entries in all BatchResolveCodes requests that the fake has received."""
    calls: int = 0
    """The number of BatchResolveCodes requests that the fake has received."""
    names: dict[str, str] = field(default_factory=dict)
    """The name of each person, by ID, which is both the preferred and the legal name.

    BatchGetNames omits all other people.
    """
    registrations_read: list[str] = field(default_factory=list)
    """The person IDs in all GetRegistrationInformation requests that the fake has received."""
    is_unavailable: bool = False
    """Whether GetRegistrationInformation fails as if the service were unavailable."""
    organisation: str = "Example Training"

    def list_code(
        self,
        session_id: str,
        text: str = "Kf7Q2mXa",
        state: codes_pb2.CodeState.ValueType = codes_pb2.CODE_STATE_ACTIVE,
    ) -> codes_pb2.Code:
        """Create a code and return it. From now on, ListCodes returns this code for the session."""
        code = codes_pb2.Code(code_id=str(new_id()), text=text, session_id=session_id, state=state)
        self.listed_codes.setdefault(session_id, []).append(code)
        return code

    async def BatchGetCertifications(
        self, request: people_pb2.BatchGetCertificationsRequest, context: Context
    ) -> people_pb2.BatchGetCertificationsResponse:
        response = people_pb2.BatchGetCertificationsResponse()
        for person_id in request.person_ids:
            if until := self.certified_until.get(UUID(person_id)):
                stamp = Timestamp()
                stamp.FromDatetime(until)
                response.certifications.add(person_id=person_id, certified_until_time=stamp)
        return response

    async def CheckPeople(
        self, request: people_pb2.CheckPeopleRequest, context: Context
    ) -> people_pb2.CheckPeopleResponse:
        unknown = self.unknown_people.intersection(request.person_ids)
        return people_pb2.CheckPeopleResponse(missing_person_ids=sorted(unknown))

    async def GetRegistrationInformation(
        self, request: people_pb2.GetRegistrationInformationRequest, context: Context
    ) -> people_pb2.GetRegistrationInformationResponse:
        self.registrations_read.append(request.person_id)
        if self.is_unavailable:
            await _refuse(context, unavailable("UNAVAILABLE", "Enrollment is unavailable."))
        if request.person_id not in self.registered:
            await _refuse(context, not_found("NOT_FOUND", "There is no such person."))
        name, date_of_birth = self.registered[request.person_id]
        return people_pb2.GetRegistrationInformationResponse(
            legal_name=name, date_of_birth=date_of_birth
        )

    async def BatchGetNames(
        self, request: people_pb2.BatchGetNamesRequest, context: Context
    ) -> people_pb2.BatchGetNamesResponse:
        response = people_pb2.BatchGetNamesResponse()
        for person_id in request.person_ids:
            if name := self.names.get(person_id):
                response.names.add(person_id=person_id, preferred_name=name, legal_name=name)
        return response

    async def BatchGetContacts(
        self, request: people_pb2.BatchGetContactsRequest, context: Context
    ) -> people_pb2.BatchGetContactsResponse:
        contacts = [self.contacts[each] for each in request.person_ids if each in self.contacts]
        return people_pb2.BatchGetContactsResponse(contacts=contacts)

    async def ListAdministrators(
        self, request: people_pb2.ListAdministratorsRequest, context: Context
    ) -> people_pb2.ListAdministratorsResponse:
        ids = sorted(self.administrators)
        first = int(request.page_token or 0)
        end = first + 2
        return people_pb2.ListAdministratorsResponse(
            person_ids=ids[first:end], next_page_token=str(end) if end < len(ids) else ""
        )

    async def GetCourse(
        self, request: courses_pb2.GetCourseRequest, context: Context
    ) -> courses_pb2.GetCourseResponse:
        course_id = request.course_id
        if course_id in self.unknown_courses:
            await _refuse(context, not_found("NOT_FOUND", "There is no such course."))
        course = courses_pb2.Course(course_id=course_id, title="Fire safety")
        course.units.add(kind=courses_pb2.UNIT_KIND_LESSON, title="Before you begin")
        for assessment_id in assessments_of(course_id):
            course.units.add(kind=courses_pb2.UNIT_KIND_ASSESSMENT, assessment_id=assessment_id)
        if course_id not in self.drafts:
            course.publish_time.GetCurrentTime()
        return courses_pb2.GetCourseResponse(course=course)

    async def ListCodes(
        self, request: codes_pb2.ListCodesRequest, context: Context
    ) -> codes_pb2.ListCodesResponse:
        codes = self.listed_codes.get(request.session_id, [])
        first = int(request.page_token or 0)
        end = first + self.codes_per_page
        return codes_pb2.ListCodesResponse(
            codes=codes[first:end], next_page_token=str(end) if end < len(codes) else ""
        )

    async def BatchResolveCodes(
        self, request: codes_pb2.BatchResolveCodesRequest, context: Context
    ) -> codes_pb2.BatchResolveCodesResponse:
        self.calls += 1
        self.entries += request.entries
        return codes_pb2.BatchResolveCodesResponse(
            resolutions=[self._resolution(each.text.strip()) for each in request.entries]
        )

    def _resolution(self, text: str) -> codes_pb2.CodeResolution:
        if text in self.resolutions:
            return self.resolutions[text]
        if text not in self.codes:
            return codes_pb2.CodeResolution(unknown=codes_pb2.UnknownCode())
        return codes_pb2.CodeResolution(code=self.resolved(text))

    def resolved(self, text: str) -> codes_pb2.ResolvedCode:
        """Return the default `ResolvedCode` for `text`: the code is valid and shared, and the learner is registered."""
        session_id = self.codes[text]
        return codes_pb2.ResolvedCode(
            code_id=str(uuid5(session_id, text)),
            session_id=str(session_id),
            validity=codes_pb2.CODE_VALIDITY_VALID,
            registered=True,
        )

    async def GetOrganisation(
        self, request: organisation_pb2.GetOrganisationRequest, context: Context
    ) -> organisation_pb2.GetOrganisationResponse:
        organisation = organisation_pb2.Organisation(
            name=self.organisation, administrator_contact="help@example.org"
        )
        return organisation_pb2.GetOrganisationResponse(organisation=organisation)


def assessments_of(course_id: str) -> list[str]:
    """Return the ids of the assessments of a course."""
    return [str(uuid5(UUID(course_id), str(number))) for number in range(5)]


async def _refuse(context: Context, error: ServiceError) -> None:
    await context.abort(CODES[error.kind], error.message, ((DETAILS_KEY, details_of(error)),))
