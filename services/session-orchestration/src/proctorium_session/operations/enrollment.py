"""Calls to enrollment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import grpc
from opentelemetry.trace import SpanContext

from proctorium.enrollment.v1 import (
    codes_pb2,
    codes_pb2_grpc,
    courses_pb2,
    courses_pb2_grpc,
    people_pb2,
    people_pb2_grpc,
)
from proctorium_common.errors import Kind, ServiceError, unavailable
from proctorium_common.messages import EnumConversion, from_timestamp
from proctorium_common.rpc.status import error_of
from proctorium_common.telemetry.traces import within
from proctorium_session.domain.codes import CodeResolution, CodeValidity, ResolvedCode
from proctorium_session.domain.schedule import Course

_UNAVAILABLE_KINDS = frozenset({Kind.UNAVAILABLE, Kind.TIMED_OUT, Kind.INTERNAL})
"""The kinds of errors of the network or of enrollment itself.

If a call has such an error, the caller receives DEPENDENCY_UNAVAILABLE.
"""


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """A code that a learner entered.

    `client_address` is empty if the address is unknown. `trace_context` belongs to the learner's call.
    """

    text: str
    person_id: UUID
    client_address: str
    trace_context: SpanContext | None = None


class Enrollment(Protocol):
    """The parts of the enrollment service that session orchestration uses."""

    async def certified_until(self, person_ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
        """Return the end of the certification of each person, by the person's id.

        The result omits people who were never certified. Raises DEPENDENCY_UNAVAILABLE.
        """
        ...

    async def unknown_people(self, person_ids: Sequence[UUID]) -> Sequence[UUID]:
        """Return the ids in `person_ids` that do not belong to a person. Raises DEPENDENCY_UNAVAILABLE."""
        ...

    async def course(self, course_id: UUID) -> Course | None:
        """Return the course, or None if it does not exist. Raises DEPENDENCY_UNAVAILABLE."""
        ...

    async def resolve_codes(self, entries: Sequence[CodeEntry]) -> list[CodeResolution]:
        """Return the resolution of each code entry, in the order of `entries`. No learner may have two entries.

        Raises DEPENDENCY_UNAVAILABLE.
        """
        ...


class GrpcEnrollment:
    """The implementation of `Enrollment` that calls the enrollment service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._people = people_pb2_grpc.PersonServiceStub(channel)
        self._courses = courses_pb2_grpc.CourseServiceStub(channel)
        self._codes = codes_pb2_grpc.CodeServiceStub(channel)

    async def certified_until(self, person_ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
        """See `Enrollment`."""
        request = people_pb2.BatchGetCertificationsRequest(
            person_ids=[str(each) for each in person_ids]
        )
        try:
            response = await self._people.BatchGetCertifications(request)
        except grpc.aio.AioRpcError as error:
            raise service_error(error) from error
        return {
            UUID(each.person_id): from_timestamp(each.certified_until_time)
            for each in response.certifications
        }

    async def unknown_people(self, person_ids: Sequence[UUID]) -> Sequence[UUID]:
        """See `Enrollment`."""
        if not person_ids:
            return []
        request = people_pb2.CheckPeopleRequest(person_ids=[str(each) for each in person_ids])
        try:
            response = await self._people.CheckPeople(request)
        except grpc.aio.AioRpcError as error:
            raise service_error(error) from error
        return [UUID(each) for each in response.missing_person_ids]

    async def course(self, course_id: UUID) -> Course | None:
        """See `Enrollment`."""
        request = courses_pb2.GetCourseRequest(course_id=str(course_id))
        try:
            course = (await self._courses.GetCourse(request)).course
        except grpc.aio.AioRpcError as error:
            converted = service_error(error)
            if converted.kind is Kind.NOT_FOUND:
                return None
            raise converted from error
        assessment_ids = frozenset(
            UUID(unit.assessment_id) for unit in course.units if unit.assessment_id
        )
        published = course.HasField("publish_time")
        return Course(course_id, published, assessment_ids, len(course.units))

    async def resolve_codes(self, entries: Sequence[CodeEntry]) -> list[CodeResolution]:
        """See `Enrollment`."""
        request = codes_pb2.BatchResolveCodesRequest(
            entries=[
                codes_pb2.CodeEntry(
                    text=each.text,
                    person_id=str(each.person_id),
                    client_address=each.client_address,
                )
                for each in entries
            ]
        )
        sampled = (
            context
            for entry in entries
            if (context := entry.trace_context) is not None and context.trace_flags.sampled
        )
        try:
            # A call can have only one parent trace. If several learners share the call, its parent is the first sampled
            # trace.
            with within(next(sampled, None)):
                response = await self._codes.BatchResolveCodes(request)
        except grpc.aio.AioRpcError as error:
            raise service_error(error) from error
        return [_resolution(each) for each in response.resolutions]


_CODE_VALIDITIES = EnumConversion(CodeValidity, codes_pb2.CodeValidity, "CODE_VALIDITY_")


def _resolution(message: codes_pb2.CodeResolution) -> CodeResolution:
    delay = message.retry_delay.ToTimedelta() if message.HasField("retry_delay") else None
    if message.HasField("malformed"):
        return CodeResolution(malformed=message.malformed.description, retry_delay=delay)
    if message.HasField("unknown"):
        return CodeResolution(retry_delay=delay)
    code = message.code
    resolved = ResolvedCode(
        code_id=UUID(code.code_id),
        session_id=UUID(code.session_id),
        person_id=UUID(code.person_id) if code.person_id else None,
        validity=_CODE_VALIDITIES.from_proto(code.validity),
        valid_from=(
            from_timestamp(code.valid_from_time) if code.HasField("valid_from_time") else None
        ),
        valid_until=(
            from_timestamp(code.valid_until_time) if code.HasField("valid_until_time") else None
        ),
        registered=code.registered,
    )
    return CodeResolution(resolved, retry_delay=delay)


def service_error(rpc_error: grpc.aio.AioRpcError) -> ServiceError:
    """Return the error that this service raises when a call to enrollment fails with `rpc_error`."""
    error = error_of(rpc_error)
    if error.kind in _UNAVAILABLE_KINDS:
        return unavailable(
            "DEPENDENCY_UNAVAILABLE",
            "Enrollment does not respond now. Nothing was changed; please try again in a moment.",
            retry_after=error.retry_after,
            dependency="enrollment",
        )
    if error.kind in {Kind.NOT_ALLOWED, Kind.UNAUTHENTICATED}:
        # Enrollment refuses this service itself, not the caller of this service. The deployment is therefore
        # misconfigured.
        return ServiceError(
            Kind.INTERNAL, "INTERNAL", "Enrollment refuses the calls of this service."
        )
    return error
