"""A fake assessment service over real gRPC, for the tests of services that call it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.assessment.v1 import assessments_pb2, assessments_pb2_grpc
from proctorium_common.rpc.served import Context
from proctorium_common.security.tls import Certificates


@dataclass
class FakeAssessment(assessments_pb2_grpc.AssessmentServiceServicer):
    """A fake of assessment with the assessments that a test has configured.

    By default, every ID is that of a published assessment that learners may take at any time.
    """

    unknown: set[str] = field(default_factory=set)
    drafts: set[str] = field(default_factory=set)
    proctored: set[str] = field(default_factory=set)
    port: int = 0
    certificates: Certificates | None = None
    """The server's certificate; without one, it serves in plaintext."""
    _server: grpc.aio.Server | None = None

    @classmethod
    @asynccontextmanager
    async def serving(
        cls, certificates: Certificates | None = None
    ) -> AsyncIterator[FakeAssessment]:
        """Serve within the block."""
        assessment = cls(certificates=certificates)
        await assessment.start()
        try:
            yield assessment
        finally:
            await assessment.stop()

    async def start(self) -> None:
        """Start listening; after `stop`, on the same port as before."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        assessments_pb2_grpc.add_AssessmentServiceServicer_to_server(self, self._server)
        address = f"127.0.0.1:{self.port}"
        self.port = (
            self._server.add_secure_port(address, self.certificates.server())
            if self.certificates
            else self._server.add_insecure_port(address)
        )
        await self._server.start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.stop(None)

    async def BatchGetAssessments(
        self, request: assessments_pb2.BatchGetAssessmentsRequest, context: Context
    ) -> assessments_pb2.BatchGetAssessmentsResponse:
        """See the proto."""
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
