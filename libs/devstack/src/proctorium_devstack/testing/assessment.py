"""A fake assessment service with a real gRPC server, for tests of services that call the assessment service."""

from __future__ import annotations

from dataclasses import dataclass, field

from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.assessment.v1 import (
    assessments_pb2,
    assessments_pb2_grpc,
    results_pb2,
    results_pb2_grpc,
)
from proctorium_common.rpc.calls import Context
from proctorium_devstack.testing.fake_service import FakeService


@dataclass
class FakeAssessment(
    FakeService,
    assessments_pb2_grpc.AssessmentServiceServicer,
    results_pb2_grpc.ResultServiceServicer,
):
    """A fake of the assessment service. It returns the assessments and results that a test has configured.

    If a test configures nothing, every ID is the ID of a published assessment that learners may take at any time.
    """

    name = "assessment"
    register = (
        assessments_pb2_grpc.add_AssessmentServiceServicer_to_server,
        results_pb2_grpc.add_ResultServiceServicer_to_server,
    )

    unknown: set[str] = field(default_factory=set)
    drafts: set[str] = field(default_factory=set)
    proctored: set[str] = field(default_factory=set)
    results: list[results_pb2.Result] = field(default_factory=list)
    """The released results of all sessions. ListResults returns at most two in each response."""

    async def BatchGetAssessments(
        self, request: assessments_pb2.BatchGetAssessmentsRequest, context: Context
    ) -> assessments_pb2.BatchGetAssessmentsResponse:
        """Implement the method of the proto."""
        response = assessments_pb2.BatchGetAssessmentsResponse()
        for assessment_id in request.assessment_ids:
            if assessment_id in self.unknown:
                continue
            found = response.assessments.add(
                assessment_id=assessment_id, proctored=assessment_id in self.proctored
            )
            if assessment_id not in self.drafts:
                found.publish_time.CopyFrom(Timestamp(seconds=1_700_000_000))
        return response

    async def ListResults(
        self, request: results_pb2.ListResultsRequest, context: Context
    ) -> results_pb2.ListResultsResponse:
        """Implement the method of the proto."""
        found = [each for each in self.results if each.session_id == request.session_id]
        first = int(request.page_token or 0)
        end = first + 2
        return results_pb2.ListResultsResponse(
            results=found[first:end], next_page_token=str(end) if end < len(found) else ""
        )
