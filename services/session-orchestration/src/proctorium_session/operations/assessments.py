"""Calls to the assessment service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import grpc

from proctorium.assessment.v1 import assessments_pb2, assessments_pb2_grpc
from proctorium_common.errors import unavailable
from proctorium_session.domain.schedule import Assessment


class Assessments:
    """The client of the assessment service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._assessments = assessments_pb2_grpc.AssessmentServiceStub(channel)

    async def existing(self, assessment_ids: Sequence[UUID]) -> Mapping[UUID, Assessment]:
        """Return the assessments that exist, by id.

        If there are no ids, returns an empty result without a call. Raises DEPENDENCY_UNAVAILABLE.
        """
        if not assessment_ids:
            return {}
        request = assessments_pb2.BatchGetAssessmentsRequest(
            assessment_ids=[str(assessment_id) for assessment_id in assessment_ids]
        )
        try:
            response = await self._assessments.BatchGetAssessments(request)
        except grpc.aio.AioRpcError as error:
            raise unavailable(
                "DEPENDENCY_UNAVAILABLE",
                "Whether these assessments can be taken cannot be checked just now. Nothing was changed; please try again in a moment.",
                dependency="assessment",
            ) from error
        assessments = (
            Assessment(UUID(each.assessment_id), each.HasField("publish_time"))
            for each in response.assessments
        )
        return {each.assessment_id: each for each in assessments}
