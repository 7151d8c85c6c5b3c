"""Calls from enrollment to the assessment service, for which the response must be fresh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

import grpc

from proctorium.assessment.v1 import assessments_pb2, assessments_pb2_grpc
from proctorium_common.errors import unavailable
from proctorium_enrollment.domain.courses import KnownAssessment


class Assessments:
    """The assessment service over its API."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._assessments = assessments_pb2_grpc.AssessmentServiceStub(channel)

    async def known(self, assessment_ids: Iterable[UUID]) -> Mapping[UUID, KnownAssessment]:
        """Return those of the assessments that exist. Raises DEPENDENCY_UNAVAILABLE; an empty set makes no call."""
        wanted = sorted({str(assessment_id) for assessment_id in assessment_ids})
        if not wanted:
            return {}
        request = assessments_pb2.BatchGetAssessmentsRequest(assessment_ids=wanted)
        try:
            response = await self._assessments.BatchGetAssessments(request)
        except grpc.aio.AioRpcError as failure:
            raise unavailable(
                "DEPENDENCY_UNAVAILABLE",
                "Whether these assessments can be used cannot be checked just now. Nothing was changed. Please try again.",
            ) from failure
        return {
            UUID(found.assessment_id): KnownAssessment(
                proctored=found.proctored, published=found.HasField("publish_time")
            )
            for found in response.assessments
        }
