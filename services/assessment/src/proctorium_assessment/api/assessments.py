"""AssessmentService."""

from __future__ import annotations

from uuid import UUID

from proctorium.assessment.v1 import assessments_pb2, assessments_pb2_grpc
from proctorium_assessment.api.messages import assessment_message
from proctorium_assessment.domain.assessments import Assessment
from proctorium_assessment.operations import assessments
from proctorium_assessment.storage.items import item_from_proto
from proctorium_common.ids import new_id
from proctorium_common.rpc.served import Context
from proctorium_common.storage.database import Database, Transaction


class AssessmentApi(assessments_pb2_grpc.AssessmentServiceServicer):
    """Assessments: questions, limits, and what a pass is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def CreateAssessment(
        self,
        request: assessments_pb2.CreateAssessmentRequest,
        context: Context,
    ) -> assessments_pb2.CreateAssessmentResponse:
        async def run(tx: Transaction) -> assessments_pb2.CreateAssessmentResponse:
            made = await assessments.create(tx, _new_assessment(request.assessment))
            return assessments_pb2.CreateAssessmentResponse(assessment=assessment_message(made))

        return await self._database.once(request, run, assessments_pb2.CreateAssessmentResponse)

    async def PublishAssessment(
        self,
        request: assessments_pb2.PublishAssessmentRequest,
        context: Context,
    ) -> assessments_pb2.PublishAssessmentResponse:
        async def run(tx: Transaction) -> assessments_pb2.PublishAssessmentResponse:
            published = await assessments.publish(tx, UUID(request.assessment_id))
            return assessments_pb2.PublishAssessmentResponse(
                assessment=assessment_message(published)
            )

        return await self._database.once(request, run, assessments_pb2.PublishAssessmentResponse)

    async def GetAssessment(
        self,
        request: assessments_pb2.GetAssessmentRequest,
        context: Context,
    ) -> assessments_pb2.GetAssessmentResponse:
        async with self._database.transaction() as tx:
            found = await assessments.get(tx, UUID(request.assessment_id))
        return assessments_pb2.GetAssessmentResponse(assessment=assessment_message(found))

    async def BatchGetAssessments(
        self,
        request: assessments_pb2.BatchGetAssessmentsRequest,
        context: Context,
    ) -> assessments_pb2.BatchGetAssessmentsResponse:
        async with self._database.transaction() as tx:
            found = await assessments.batch_get(tx, map(UUID, request.assessment_ids))
        return assessments_pb2.BatchGetAssessmentsResponse(
            assessments=[assessment_message(each) for each in found]
        )

    async def ListAssessments(
        self,
        request: assessments_pb2.ListAssessmentsRequest,
        context: Context,
    ) -> assessments_pb2.ListAssessmentsResponse:
        async with self._database.transaction() as tx:
            shown, token = await assessments.page(tx, request.page_size, request.page_token)
        return assessments_pb2.ListAssessmentsResponse(
            assessments=[assessment_message(each) for each in shown], next_page_token=token
        )


def _new_assessment(proto: assessments_pb2.Assessment) -> Assessment:
    """What is asked for, under new ids."""
    items = tuple(item_from_proto(item, new_id()) for item in proto.items)
    return Assessment(
        assessment_id=new_id(),
        title=proto.title,
        proctored=proto.proctored,
        time_limit=proto.time_limit.ToTimedelta() if proto.HasField("time_limit") else None,
        pass_mark=proto.pass_mark,
        items=items,
        item_count=len(items),
    )
