"""The names, titles and results of a report, from other services."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import grpc

from proctorium.assessment.v1 import results_pb2, results_pb2_grpc
from proctorium.enrollment.v1 import (
    courses_pb2,
    courses_pb2_grpc,
    organisation_pb2,
    organisation_pb2_grpc,
    people_pb2,
    people_pb2_grpc,
)
from proctorium_common.errors import Kind
from proctorium_common.telemetry.logs import get_logger
from proctorium_session.domain.report import Result
from proctorium_session.operations.enrollment import service_error

_log = get_logger()

_MAX_IDS = 500
_PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class CourseTitles:
    """The title of a course, and the titles of its assessments. Unknown titles are missing or empty."""

    course: str = ""
    assessments: Mapping[UUID, str] = field(default_factory=dict)


class ReportSources:
    """Requests the names and titles of a report from enrollment, and the results from assessment.

    A report without names is useless, so errors of enrollment are raised. A report without results is useful, so it is
    created after `results_within` even if assessment does not respond.
    """

    def __init__(
        self,
        enrollment: grpc.aio.Channel,
        assessment: grpc.aio.Channel,
        *,
        results_within: timedelta = timedelta(seconds=5),
    ) -> None:
        self._people = people_pb2_grpc.PersonServiceStub(enrollment)
        self._courses = courses_pb2_grpc.CourseServiceStub(enrollment)
        self._organisation = organisation_pb2_grpc.OrganisationServiceStub(enrollment)
        self._results = results_pb2_grpc.ResultServiceStub(assessment)
        self._results_within = results_within

    async def names(self, person_ids: Collection[UUID]) -> Mapping[UUID, str]:
        """Return the legal names of people. Raises DEPENDENCY_UNAVAILABLE."""
        ids = sorted(str(each) for each in person_ids)
        names: dict[UUID, str] = {}
        try:
            for first in range(0, len(ids), _MAX_IDS):
                request = people_pb2.BatchGetNamesRequest(person_ids=ids[first : first + _MAX_IDS])
                response = await self._people.BatchGetNames(request)
                names |= {UUID(each.person_id): each.legal_name for each in response.names}
        except grpc.aio.AioRpcError as error:
            raise service_error(error) from error
        return names

    async def titles(self, course_id: UUID) -> CourseTitles:
        """Return the titles of a course and its assessments. Raises DEPENDENCY_UNAVAILABLE."""
        request = courses_pb2.GetCourseRequest(course_id=str(course_id))
        try:
            course = (await self._courses.GetCourse(request)).course
        except grpc.aio.AioRpcError as error:
            converted = service_error(error)
            if converted.kind is Kind.NOT_FOUND:
                return CourseTitles()
            raise converted from error
        units = (unit for unit in course.units if unit.assessment_id)
        return CourseTitles(course.title, {UUID(each.assessment_id): each.title for each in units})

    async def organisation(self) -> str:
        """Return the name of the organisation, which can be empty. Raises DEPENDENCY_UNAVAILABLE."""
        try:
            response = await self._organisation.GetOrganisation(
                organisation_pb2.GetOrganisationRequest()
            )
        except grpc.aio.AioRpcError as error:
            raise service_error(error) from error
        return response.organisation.name

    async def results(self, session_id: UUID) -> Mapping[UUID, Result] | None:
        """Return the released results of a session by attempt id.

        Return None if the call of assessment fails or takes too long.
        """
        try:
            async with asyncio.timeout(self._results_within.total_seconds()):
                return await self._list_results(session_id)
        except (grpc.aio.AioRpcError, TimeoutError) as error:
            _log.warning("results_unavailable", session_id=str(session_id), error=repr(error)[:200])
            return None

    async def _list_results(self, session_id: UUID) -> Mapping[UUID, Result]:
        found: dict[UUID, Result] = {}
        request = results_pb2.ListResultsRequest(session_id=str(session_id), page_size=_PAGE_SIZE)
        while True:
            response = await self._results.ListResults(request)
            for each in response.results:
                result = Result(each.points, each.points_possible, each.passed)
                found[UUID(each.attempt_id)] = result
            if not response.next_page_token:
                return found
            request.page_token = response.next_page_token
