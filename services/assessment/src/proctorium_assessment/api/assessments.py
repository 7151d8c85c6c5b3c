"""AssessmentService over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proctorium.assessment.v1 import assessments_pb2 as pb
from proctorium.assessment.v1 import assessments_pb2_grpc
from proctorium_assessment.api.messages import assessment_from_message, assessment_message
from proctorium_assessment.operations import assessments
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context


class AssessmentApi(assessments_pb2_grpc.AssessmentServiceServicer):
    """The methods of `assessments.proto`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def CreateAssessment(
        self, request: pb.CreateAssessmentRequest, context: Context
    ) -> pb.CreateAssessmentResponse:
        return await assessments.create(
            self._database,
            assessment_from_message(request.assessment),
            Responder(
                request,
                pb.CreateAssessmentResponse,
                lambda assessment: pb.CreateAssessmentResponse(
                    assessment=assessment_message(assessment)
                ),
            ),
        )

    async def PublishAssessment(
        self, request: pb.PublishAssessmentRequest, context: Context
    ) -> pb.PublishAssessmentResponse:
        return await assessments.publish(
            self._database,
            parse_id(request.assessment_id, "assessment_id"),
            Responder(
                request,
                pb.PublishAssessmentResponse,
                lambda assessment: pb.PublishAssessmentResponse(
                    assessment=assessment_message(assessment)
                ),
            ),
        )

    async def GetAssessment(
        self, request: pb.GetAssessmentRequest, context: Context
    ) -> pb.GetAssessmentResponse:
        assessment = await assessments.get(
            self._database, parse_id(request.assessment_id, "assessment_id")
        )
        return pb.GetAssessmentResponse(assessment=assessment_message(assessment))

    async def BatchGetAssessments(
        self, request: pb.BatchGetAssessmentsRequest, context: Context
    ) -> pb.BatchGetAssessmentsResponse:
        found = await assessments.batch_get(
            self._database,
            [parse_id(each, "assessment_ids") for each in request.assessment_ids],
        )
        return pb.BatchGetAssessmentsResponse(
            assessments=[assessment_message(each) for each in found]
        )

    async def ListAssessments(
        self, request: pb.ListAssessmentsRequest, context: Context
    ) -> pb.ListAssessmentsResponse:
        shown, next_page_token = await assessments.list_assessments(
            self._database, page_size=request.page_size, page_token=request.page_token
        )
        return pb.ListAssessmentsResponse(
            assessments=[assessment_message(each) for each in shown],
            next_page_token=next_page_token,
        )
