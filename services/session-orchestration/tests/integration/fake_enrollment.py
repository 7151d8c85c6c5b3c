"""Enrollment as session orchestration meets it: the generated servicers over real gRPC, with people and codes in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.enrollment.v1 import (
    codes_pb2,
    codes_pb2_grpc,
    courses_pb2,
    courses_pb2_grpc,
    people_pb2,
    people_pb2_grpc,
)
from proctorium_common.errors import ServiceError, not_found
from proctorium_common.ids import new_id
from proctorium_common.rpc.served import Context
from proctorium_common.rpc.status import CODES, DETAILS_KEY, details_of


@dataclass
class Redemption:
    """One call of RedeemCode."""

    text: str
    person_id: str
    client_address: str


@dataclass
class FakeEnrollment(
    people_pb2_grpc.PersonServiceServicer,
    courses_pb2_grpc.CourseServiceServicer,
    codes_pb2_grpc.CodeServiceServicer,
):
    """Answers as the proto says: certifications of those who have one, ids of nobody, a course or that there is none, a code's session or a refusal."""

    certified_until: dict[UUID, datetime] = field(default_factory=dict)
    unknown_courses: set[str] = field(default_factory=set)
    unknown_people: set[str] = field(default_factory=set)
    drafts: set[str] = field(default_factory=set)
    codes: dict[str, UUID] = field(default_factory=dict)
    refusals: dict[str, ServiceError] = field(default_factory=dict)
    newcomer_refusals: dict[str, ServiceError] = field(default_factory=dict)
    redemptions: list[Redemption] = field(default_factory=list)
    port: int = 0
    _server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listens; on the port of before when it was stopped."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        people_pb2_grpc.add_PersonServiceServicer_to_server(self, self._server)
        courses_pb2_grpc.add_CourseServiceServicer_to_server(self, self._server)
        codes_pb2_grpc.add_CodeServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self) -> None:
        """Answers nobody any more."""
        if self._server is not None:
            await self._server.stop(None)

    async def ListCertifications(
        self, request: people_pb2.ListCertificationsRequest, context: Context
    ) -> people_pb2.ListCertificationsResponse:
        response = people_pb2.ListCertificationsResponse()
        for person_id in request.person_ids:
            if until := self.certified_until.get(UUID(person_id)):
                stamp = Timestamp()
                stamp.FromDatetime(until)
                response.certifications.add(person_id=person_id, certified_until_time=stamp)
        return response

    async def ListUnknownPeople(
        self, request: people_pb2.ListUnknownPeopleRequest, context: Context
    ) -> people_pb2.ListUnknownPeopleResponse:
        unknown = self.unknown_people.intersection(request.person_ids)
        return people_pb2.ListUnknownPeopleResponse(person_ids=sorted(unknown))

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

    async def RedeemCode(
        self, request: codes_pb2.RedeemCodeRequest, context: Context
    ) -> codes_pb2.RedeemCodeResponse:
        self.redemptions.append(Redemption(request.text, request.person_id, request.client_address))
        if refusal := self.refusals.get(request.text):
            await _refuse(context, refusal)
        if request.text not in self.codes:
            await _refuse(context, not_found("CODE_INVALID", "No code of this text is valid."))
        refusal = self.newcomer_refusals.get(request.text)
        return codes_pb2.RedeemCodeResponse(
            code_id=str(new_id()),
            session_id=str(self.codes[request.text]),
            newcomer_refusal=details_of(refusal) if refusal else b"",
        )


def assessments_of(course_id: str) -> list[str]:
    """The assessments that the outline of a course names."""
    return [str(uuid5(UUID(course_id), str(number))) for number in range(5)]


async def _refuse(context: Context, error: ServiceError) -> None:
    await context.abort(CODES[error.kind], error.message, ((DETAILS_KEY, details_of(error)),))
