"""Calls to the assessment service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

import grpc

from proctorium.assessment.v1 import assessments_pb2, assessments_pb2_grpc
from proctorium_common.errors import unavailable
from proctorium_enrollment.domain.courses import NamedAssessment


class Assessments:
    """Client of the assessment service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._assessments = assessments_pb2_grpc.AssessmentServiceStub(channel)

    async def get_existing(self, assessment_ids: Iterable[UUID]) -> Mapping[UUID, NamedAssessment]:
        """Return the assessments that exist, by ID.

        If there are no IDs, returns an empty result without a call. Raises DEPENDENCY_UNAVAILABLE.
        """
        ids = sorted({str(assessment_id) for assessment_id in assessment_ids})
        if not ids:
            return {}
        request = assessments_pb2.BatchGetAssessmentsRequest(assessment_ids=ids)
        try:
            response = await self._assessments.BatchGetAssessments(request)
        except grpc.aio.AioRpcError as failure:
            raise unavailable(
                "DEPENDENCY_UNAVAILABLE",
                "The assessments of this course cannot be checked at the moment. Nothing was changed. Please try again.",
            ) from failure
        return {
            UUID(each.assessment_id): NamedAssessment(
                proctored=each.proctored, published=each.HasField("publish_time")
            )
            for each in response.assessments
        }
