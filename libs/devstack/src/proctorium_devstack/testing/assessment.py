"""A fake assessment service with a real gRPC server, for tests of services that call the assessment service."""

from __future__ import annotations

from dataclasses import dataclass, field

from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.assessment.v1 import assessments_pb2, assessments_pb2_grpc
from proctorium_common.rpc.calls import Context
from proctorium_devstack.testing.fake_service import FakeService


@dataclass
class FakeAssessment(FakeService, assessments_pb2_grpc.AssessmentServiceServicer):
    """A fake of the assessment service. It returns the assessments that a test has configured.

    If a test configures nothing, every ID is the ID of a published assessment that learners may take at any time.
    """

    name = "assessment"
    register = (assessments_pb2_grpc.add_AssessmentServiceServicer_to_server,)

    unknown: set[str] = field(default_factory=set)
    drafts: set[str] = field(default_factory=set)
    proctored: set[str] = field(default_factory=set)

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
