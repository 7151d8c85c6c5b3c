"""Calls to the assessment service whose response must be fresh, and the error when it does not respond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import grpc

from proctorium.assessment.v1 import assessments_pb2, assessments_pb2_grpc
from proctorium_common.errors import unavailable
from proctorium_session.domain.schedule import Assessment


class Assessments:
    """The assessment service over its API."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._assessments = assessments_pb2_grpc.AssessmentServiceStub(channel)

    async def known(self, assessment_ids: Sequence[UUID]) -> Mapping[UUID, Assessment]:
        """Return those of the assessments that exist. Raises DEPENDENCY_UNAVAILABLE; an empty set makes no call."""
        if not assessment_ids:
            return {}
        request = assessments_pb2.BatchGetAssessmentsRequest(
            assessment_ids=[str(each) for each in assessment_ids]
        )
        try:
            response = await self._assessments.BatchGetAssessments(request)
        except grpc.aio.AioRpcError as failure:
            raise unavailable(
                "DEPENDENCY_UNAVAILABLE",
                "Whether these assessments can be taken cannot be checked just now. Nothing was changed; please try again in a moment.",
                dependency="assessment",
            ) from failure
        found = (
            Assessment(UUID(each.assessment_id), each.HasField("publish_time"))
            for each in response.assessments
        )
        return {each.assessment_id: each for each in found}
