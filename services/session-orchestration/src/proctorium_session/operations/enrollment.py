"""What has to be asked fresh of enrollment, and what is said when it does not answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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
from proctorium_common.rpc.status import error_of
from proctorium_common.telemetry.traces import within
from proctorium_session.domain.codes import CodeResolution, CodeValidity, ResolvedCode
from proctorium_session.domain.schedule import Course

_OURS_TO_TELL = frozenset({Kind.UNAVAILABLE, Kind.TIMED_OUT, Kind.INTERNAL})
"""Failures of the way there or of the other side: the caller learns that nothing was changed and may try again."""


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """A code as a learner entered it, from which address (empty if unknown), and the trace context of their call."""

    text: str
    person_id: UUID
    client_address: str
    trace: SpanContext | None = None


class Enrollment(Protocol):
    """What session orchestration asks of enrollment."""

    async def certified_until(self, person_ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
        """Until when each is certified; who never was is left out. Raises DEPENDENCY_UNAVAILABLE."""
        ...

    async def unknown(self, person_ids: Sequence[UUID]) -> Sequence[UUID]:
        """Those of the ids that are nobody's. Raises DEPENDENCY_UNAVAILABLE."""
        ...

    async def course(self, course_id: UUID) -> Course | None:
        """The course, or None where there is none of this id. Raises DEPENDENCY_UNAVAILABLE."""
        ...

    async def resolve_codes(self, entries: Sequence[CodeEntry]) -> list[CodeResolution]:
        """Return what each entered code leads to; a learner has one entry. Raises DEPENDENCY_UNAVAILABLE."""
        ...


class EnrollmentByGrpc:
    """Enrollment over its API."""

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
        except grpc.aio.AioRpcError as failure:
            raise _said(failure) from failure
        return {
            UUID(each.person_id): each.certified_until_time.ToDatetime(tzinfo=UTC)
            for each in response.certifications
        }

    async def unknown(self, person_ids: Sequence[UUID]) -> Sequence[UUID]:
        """See `Enrollment`."""
        if not person_ids:
            return []
        request = people_pb2.CheckPeopleRequest(person_ids=[str(each) for each in person_ids])
        try:
            response = await self._people.CheckPeople(request)
        except grpc.aio.AioRpcError as failure:
            raise _said(failure) from failure
        return [UUID(each) for each in response.missing_person_ids]

    async def course(self, course_id: UUID) -> Course | None:
        """See `Enrollment`."""
        request = courses_pb2.GetCourseRequest(course_id=str(course_id))
        try:
            course = (await self._courses.GetCourse(request)).course
        except grpc.aio.AioRpcError as failure:
            error = _said(failure)
            if error.kind is Kind.NOT_FOUND:
                return None
            raise error from failure
        named = frozenset(UUID(unit.assessment_id) for unit in course.units if unit.assessment_id)
        return Course(course_id, course.HasField("publish_time"), named)

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
        sampled = (e.trace for e in entries if e.trace is not None and e.trace.trace_flags.sampled)
        try:
            # A call has one parent: of the learners who share it, the first whose trace is recorded.
            with within(next(sampled, None)):
                response = await self._codes.BatchResolveCodes(request)
        except grpc.aio.AioRpcError as failure:
            raise _said(failure) from failure
        return [_resolution(each) for each in response.resolutions]


_VALIDITIES = {
    codes_pb2.CODE_VALIDITY_VALID: CodeValidity.VALID,
    codes_pb2.CODE_VALIDITY_NOT_YET_VALID: CodeValidity.NOT_YET_VALID,
    codes_pb2.CODE_VALIDITY_EXPIRED: CodeValidity.EXPIRED,
    codes_pb2.CODE_VALIDITY_REVOKED: CodeValidity.REVOKED,
    codes_pb2.CODE_VALIDITY_REPLACED: CodeValidity.REPLACED,
}


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
        validity=_VALIDITIES[code.validity],
        valid_from=(
            code.valid_from_time.ToDatetime(tzinfo=UTC)
            if code.HasField("valid_from_time")
            else None
        ),
        valid_until=(
            code.valid_until_time.ToDatetime(tzinfo=UTC)
            if code.HasField("valid_until_time")
            else None
        ),
        registered=code.registered,
    )
    return CodeResolution(resolved, retry_delay=delay)


def _said(failure: grpc.aio.AioRpcError) -> ServiceError:
    error = error_of(failure)
    if error.kind in _OURS_TO_TELL:
        return unavailable(
            "DEPENDENCY_UNAVAILABLE",
            "Enrollment does not answer now. Nothing was changed; please try again in a moment.",
            retry_after=error.retry_after,
            dependency="enrollment",
        )
    if error.kind in {Kind.NOT_ALLOWED, Kind.UNAUTHENTICATED}:
        # It is us whom enrollment does not let in, not the caller: a fault of the deployment.
        return ServiceError(
            Kind.INTERNAL, "INTERNAL", "Enrollment does not take this service's calls."
        )
    return error
