"""What has to be asked fresh of enrollment, and what is said when it does not answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import grpc

from proctorium.enrollment.v1 import (
    codes_pb2,
    codes_pb2_grpc,
    courses_pb2,
    courses_pb2_grpc,
    people_pb2,
    people_pb2_grpc,
)
from proctorium_common.errors import Kind, ServiceError, unavailable
from proctorium_common.rpc.status import error_in, error_of
from proctorium_session.domain.schedule import Course

_OURS_TO_TELL = frozenset({Kind.UNAVAILABLE, Kind.TIMED_OUT, Kind.INTERNAL})
"""Failures of the way there or of the other side: the caller learns that nothing was changed and may try again."""


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A code was accepted for this session. `newcomer_refusal`, if set, is the error for a learner who has not joined it yet."""

    session_id: UUID
    code_id: UUID
    newcomer_refusal: ServiceError | None = None


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

    async def redeem(self, code: str, person_id: UUID, client_address: str) -> Redeemed:
        """Redeems a code for a learner. Raises enrollment's refusals as they are, and DEPENDENCY_UNAVAILABLE."""
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
        request = people_pb2.BatchGetUnknownPeopleRequest(
            person_ids=[str(each) for each in person_ids]
        )
        try:
            response = await self._people.BatchGetUnknownPeople(request)
        except grpc.aio.AioRpcError as failure:
            raise _said(failure) from failure
        return [UUID(each) for each in response.person_ids]

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

    async def redeem(self, code: str, person_id: UUID, client_address: str) -> Redeemed:
        """See `Enrollment`."""
        request = codes_pb2.RedeemCodeRequest(
            text=code, person_id=str(person_id), client_address=client_address
        )
        try:
            response = await self._codes.RedeemCode(request)
        except grpc.aio.AioRpcError as failure:
            raise _about_code(_said(failure)) from failure
        refusal = error_in(response.newcomer_refusal) if response.newcomer_refusal else None
        return Redeemed(UUID(response.session_id), UUID(response.code_id), refusal)


def _about_code(error: ServiceError) -> ServiceError:
    """Return the error with the learner's field: what enrollment calls `text` is `code` to whoever joins."""
    error.violations = tuple(
        replace(each, field="code") if each.field == "text" else each for each in error.violations
    )
    return error


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
